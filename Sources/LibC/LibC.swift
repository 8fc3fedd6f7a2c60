// The system's C library under one name. Its Swift module is called Glibc, Musl or Darwin; this file is the one place
// that knows, and it is what every other file imports.
#if canImport(Glibc)
  @_exported import Glibc
#elseif canImport(Musl)
  @_exported import Musl
#elseif canImport(Darwin)
  @_exported import Darwin
#endif
