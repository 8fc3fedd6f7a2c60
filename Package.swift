// swift-tools-version: 6.2

import PackageDescription

// Bytes from outside are read through spans, and every expression that is not memory-safe is marked.
let librarySettings: [SwiftSetting] = [.strictMemorySafety()]

let package = Package(
  name: "vit-quant",
  platforms: [.macOS(.v26)],
  products: [
    .executable(name: "vit-quant", targets: ["vit-quant"]),
    .library(name: "ViTLite", targets: ["ViTLite"]),
    .library(name: "ViTImages", targets: ["ViTImages"]),
    .library(name: "Quant", targets: ["Quant"]),
    // What scripts/build-library makes libvitquant of.
    .library(name: "ViTLiteC", type: .static, targets: ["ViTLiteC"]),
  ],
  traits: [
    .default(enabledTraits: ["ImageCodecs"]),
    .trait(
      name: "ImageCodecs",
      description: "Read PNG, JPEG and WebP through libpng, libjpeg-turbo and libwebp. "
        + "Without it, PPM, PGM and safetensors remain."),
  ],
  targets: [
    .target(name: "CKernels", exclude: ["README.md"]),
    .target(name: "CFloatKernels", exclude: ["README.md"]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libturbojpeg",
      providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng",
      providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CWebP", pkgConfig: "libwebp",
      providers: [.apt(["libwebp-dev"]), .brew(["webp"])]),
    .target(name: "LibC", exclude: ["README.md"]),
    .target(
      name: "Int8Kernels", dependencies: ["CKernels"], exclude: ["README.md"], swiftSettings: librarySettings),
    .target(
      name: "ViTLite", dependencies: ["Int8Kernels", "CKernels", "LibC"], exclude: ["README.md"],
      swiftSettings: librarySettings),
    // include/vitquant.h as a Swift module, so that the implementation has the types of the header.
    .systemLibrary(name: "CVitQuant", path: "include"),
    .target(
      name: "ViTLiteC", dependencies: ["ViTLite", "Int8Kernels", "LibC", "CVitQuant"], exclude: ["README.md"],
      swiftSettings: librarySettings),
    .target(name: "Resampling", exclude: ["README.md"], swiftSettings: librarySettings),
    .target(
      name: "ViTImages",
      dependencies: [
        "ViTLite", "Resampling", "LibC",
        .target(name: "CJPEG", condition: .when(traits: ["ImageCodecs"])),
        .target(name: "CPNG", condition: .when(traits: ["ImageCodecs"])),
        .target(name: "CWebP", condition: .when(traits: ["ImageCodecs"])),
      ],
      exclude: ["README.md"], swiftSettings: librarySettings),
    .target(
      name: "Quant", dependencies: ["ViTLite", "Int8Kernels", "Resampling", "CKernels", "CFloatKernels", "LibC"],
      exclude: ["README.md"], swiftSettings: librarySettings),
    .executableTarget(
      name: "vit-quant", dependencies: ["Quant", "ViTLite", "ViTImages", "Int8Kernels", "LibC"],
      exclude: ["README.md"]),
    // The x86-64 kernels with plain C for their intrinsics, which its own immintrin.h gives; for tests alone.
    .target(
      name: "CEmulation", dependencies: ["CKernels"], path: "Tests/Emulation", exclude: ["README.md"],
      cSettings: [.headerSearchPath("intrinsics"), .define("VQ_EMULATED")]),
    // Models, files and damage that tests of several targets share.
    .target(
      name: "TestSupport", dependencies: ["Quant", "ViTLite", "Int8Kernels", "LibC"], path: "Tests/TestSupport"),
    // A part of the small programs, which scripts/embedded builds; for tests alone.
    .target(name: "EmbeddedHeap", path: "Embedded/Heap"),
    .testTarget(name: "EmbeddedTests", dependencies: ["EmbeddedHeap", "Int8Kernels"]),
    .testTarget(
      name: "QuantTests",
      dependencies: ["Quant", "ViTLite", "Int8Kernels", "CKernels", "CFloatKernels", "LibC", "TestSupport"]),
    .testTarget(name: "Int8KernelsTests", dependencies: ["Int8Kernels", "CEmulation", "LibC"]),
    .testTarget(
      name: "ViTLiteTests",
      dependencies: ["ViTLite", "Quant", "Int8Kernels", "CKernels", "CEmulation", "LibC", "TestSupport"]),
    .testTarget(name: "ResamplingTests", dependencies: ["Resampling"]),
    .testTarget(
      name: "ViTImagesTests", dependencies: ["ViTImages", "ViTLite", "Quant", "LibC", "TestSupport"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "CommandTests", dependencies: ["vit-quant", "Int8Kernels", "ViTLite", "Quant", "LibC", "TestSupport"],
      resources: [.copy("Fixtures")]),
  ],
  swiftLanguageModes: [.v6]
)

// What scripts/fuzz builds, with libFuzzer; no other build knows of it.
if Context.environment["VIT_QUANT_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "fuzz", dependencies: ["Quant", "ViTImages", "ViTLite", "Int8Kernels", "LibC", "TestSupport"],
      path: "Fuzz/Sources"))
}
