// What a program that runs models names besides this module's own declarations.
@_exported import struct Int8Kernels.InstructionSet
