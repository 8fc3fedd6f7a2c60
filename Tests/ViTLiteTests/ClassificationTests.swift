import TestSupport
import Testing

@testable import Quant
@testable import ViTLite

@Suite("Classifications")
struct ClassificationTests {
  private func indices(_ k: Int, _ logits: [Float]) -> [Int] {
    Classification.top(k, of: logits, labels: []).map(\.index)
  }

  @Test("The largest logits come first, and of equal ones the first")
  func order() {
    #expect(indices(3, [1, 3, 3, 2]) == [1, 2, 3])
    #expect(indices(9, [1, 3]) == [1, 0])
    #expect(indices(2, []) == [])
    #expect(Classification.best(of: [1, 3, 3, 2]) == 1)
    #expect(Classification.best(of: []) == nil)
  }

  @Test("No number of classes is a trap")
  func counts() {
    #expect(indices(0, [1, 3]) == [])
    #expect(indices(-1, [1, 3]) == [])
    #expect(indices(.max, [1, 3]) == [1, 0])
    #expect(indices(.min, [1, 3]) == [])
  }

  @Test("Probabilities are the softmax of the logits")
  func probabilities() {
    // Of logits 0 and log 3, as Double rounds it.
    let probabilities = Classification.probabilities(of: [0, 1.0986123])
    #expect(abs(probabilities[0] - 0.25) < 1e-6 && abs(probabilities[1] - 0.75) < 1e-6)
    #expect(Classification.probabilities(of: []) == [])
    #expect(Classification.probabilities(of: [1e30, -1e30]) == [1, 0])
    let top = Classification.top(2, of: [0, 1.0986123], labels: [])
    #expect(top.map(\.probability) == [probabilities[1], probabilities[0]])
  }

  @Test("A class has the name that the model gives it, or its number")
  func labels() {
    #expect(Classification.top(2, of: [0, 1], labels: ["coat", "shirt"]).map(\.label) == ["shirt", "coat"])
    #expect(Classification.top(2, of: [0, 1], labels: []).map(\.label) == ["class 1", "class 0"])
  }

  @Test("An int8 model ranks its own logits, and a model without a head nothing")
  func outputs() throws {
    let example = IntegerModelCase.random(IntegerModelCase.configuration { $0.classes = 37 })
    let model = try IntegerModel(example.quantized().bytes)
    let output = try InferenceSession(model: model).run(example.pixels(model)[0])
    let logits = try #require(output.dequantizedLogits)
    #expect(output.top(5) == Classification.top(5, of: logits, labels: []))
    #expect(output.top(100).count == 37)

    let headless = IntegerModelCase.random(IntegerModelCase.configuration { $0.classes = 0 })
    let backbone = try IntegerModel(headless.quantized().bytes)
    #expect(try InferenceSession(model: backbone).run(headless.pixels(backbone)[0]).top(5) == [])
  }
}
