import Testing

@testable import ViTImages

#if !ImageCodecs
  @Suite("Decoders that are left out")
  struct LeftOutDecoderTests {
    @Test(
      "The error says how to build with the decoder",
      arguments: ["preprocess/photo.png", "preprocess/photo.jpg", "images/lossy.webp"])
    func decoderLeftOut(name: String) throws {
      let error = try #require(throws: ImageError.self) { try Fixture.image(name) }
      #expect(error.message().contains("build with the trait ImageCodecs"))
    }
  }
#endif
