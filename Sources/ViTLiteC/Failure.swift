import CVitQuant
import ViTLite

/// Why a call of the C interface fails.
struct Failure: Error {
  /// One of the VITQUANT_ERROR numbers.
  let status: vitquant_status
  let message: String

  init(_ status: vitquant_status, _ message: String) {
    self.status = status
    self.message = message
  }

  static func argument(_ message: String) -> Failure { Failure(VITQUANT_ERROR_ARGUMENT, message) }

  init(_ error: IntegerModelError) {
    switch error {
    case .file: self.init(VITQUANT_ERROR_READ, error.description)
    case .format, .invalid, .checksum, .headerChecksum: self.init(VITQUANT_ERROR_MODEL, error.description)
    }
  }

  init(_ error: InferenceError) {
    switch error {
    case .unavailable: self.init(VITQUANT_ERROR_UNAVAILABLE, error.description)
    case .weightsUnreadable: self.init(VITQUANT_ERROR_READ, error.description)
    case .memory: self.init(VITQUANT_ERROR_MEMORY, error.description)
    case .weightBytes: self.init(VITQUANT_ERROR_LIMIT, error.description)
    case .pixelCount, .arenaBytes, .arenaAlignment: self.init(VITQUANT_ERROR_ARGUMENT, error.description)
    case .modelShortened, .notFinite: self.init(VITQUANT_ERROR_READ, error.description)
    }
  }
}

/// Runs the body of a call, and gives its status to the caller, with a text where there is memory for one.
func report(
  to error: UnsafeMutablePointer<vitquant_error>?, _ body: () throws(Failure) -> Void
) -> vitquant_status {
  do throws(Failure) {
    try body()
    if let error = unsafe error {
      unsafe error.pointee.status = VITQUANT_OK
      unsafe error.pointee.message.0 = 0
    }
    return VITQUANT_OK
  } catch let failure {
    if let error = unsafe error {
      unsafe error.pointee.status = failure.status
      unsafe withUnsafeMutableBytes(of: &error.pointee.message) { target in
        unsafe write(failure.message, to: target)
      }
    }
    return failure.status
  }
}

/// Writes a text as one line that ends with NUL, cut off between two characters where it is longer than the memory.
private func write(_ text: String, to target: UnsafeMutableRawBufferPointer) {
  var count = 0
  for scalar in text.unicodeScalars {
    let line = scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar
    let bytes = UTF8.encode(line)
    guard let bytes, count + bytes.count < target.count else { break }
    for byte in bytes {
      unsafe target[count] = byte
      count += 1
    }
  }
  unsafe target[count] = 0
}

/// What a pointer argument points to.
func required<Value>(
  _ pointer: UnsafeMutablePointer<Value>?, _ name: StaticString
) throws(Failure) -> UnsafeMutablePointer<Value> {
  guard let pointer = unsafe pointer else { throw .argument("NULL as \(name), expected an address") }
  return unsafe pointer
}

/// The caller's array, after checking how many elements it has.
func array<Element>(
  _ pointer: UnsafeMutablePointer<Element>?, _ name: StaticString, count: Int, expected: Int
) throws(Failure) -> UnsafeMutableBufferPointer<Element> {
  guard count == expected else { throw .argument("\(UInt(bitPattern: count)) \(name), expected \(expected)") }
  return unsafe UnsafeMutableBufferPointer(start: try required(pointer, name), count: count)
}
