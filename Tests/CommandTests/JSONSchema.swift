@testable import Int8Kernels
@testable import Quant
@testable import ViTLite

/// The part of JSON Schema (draft 2020-12) that the schemas of this repository use.
struct JSONSchema {
  private let root: JSON

  init(parsing bytes: [UInt8]) throws { root = try JSON(parsing: bytes) }

  /// What is wrong with a value, with the place of each problem.
  func problems(of value: JSON) -> [String] { problems(of: value, root, at: "") }

  private func problems(of value: JSON, _ schema: JSON, at place: String) -> [String] {
    if let reference = schema["$ref"]?.string {
      let name = reference.split(separator: "/").last.map(String.init) ?? ""
      guard let target = root["$defs"]?[name] else { return ["\(place): no definition \(reference)"] }
      return problems(of: value, target, at: place)
    }
    var problems: [String] = []
    let types = schema["type"]?.array?.compactMap(\.string) ?? [schema["type"]?.string].compactMap { $0 }
    if !types.isEmpty, !types.contains(where: { Self.isOf($0, value) }) {
      problems.append("\(place): \(value.kind), expected \(types)")
    }
    if let choices = schema["enum"]?.array, !choices.contains(value) { problems.append("\(place): not in \(choices)") }
    if let number = value.double {
      if let minimum = schema["minimum"]?.double, number < minimum { problems.append("\(place): \(number) is small") }
      if let maximum = schema["maximum"]?.double, number > maximum { problems.append("\(place): \(number) is large") }
    }
    if let elements = value.array {
      if let count = schema["minItems"]?.int, elements.count < count { problems.append("\(place): few elements") }
      if let count = schema["maxItems"]?.int, elements.count > count { problems.append("\(place): many elements") }
      for (index, element) in elements.enumerated() {
        guard let items = schema["items"] else { break }
        problems += self.problems(of: element, items, at: "\(place)[\(index)]")
      }
    }
    if let members = value.members {
      for key in schema["required"]?.array?.compactMap(\.string) ?? [] where value[key] == nil {
        problems.append("\(place): no \(key)")
      }
      for member in members {
        if let property = schema["properties"]?[member.key] {
          problems += self.problems(of: member.value, property, at: "\(place).\(member.key)")
        } else if schema["additionalProperties"]?.bool == false {
          problems.append("\(place): \(member.key) is not in the schema")
        }
      }
    }
    return problems
  }

  private static func isOf(_ type: String, _ value: JSON) -> Bool {
    switch type {
    case "null": value.isNull
    case "boolean": value.bool != nil
    case "integer": value.int != nil
    case "number": value.double != nil
    case "string": value.string != nil
    case "array": value.array != nil
    case "object": value.members != nil
    default: false
    }
  }
}
