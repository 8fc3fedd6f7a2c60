/// An option that is there or not: `--quiet`.
struct Flag: Sendable {
  let name: String
  let help: String

  init(_ name: String, help: String) {
    self.name = name
    self.help = help
  }
}

/// An option with a value: `--samples 100` or `--samples=100`.
struct Option<Value: Sendable>: Sendable {
  let name: String
  /// What stands for the value in the help: `N`.
  let placeholder: String
  let help: String
  /// What values there can be, for messages: `a whole number from 1 to 64`.
  let valid: String
  let isRepeatable: Bool
  /// Nil for what is no path, and for a folder of several outputs.
  var role: PathRole?
  var isPath = false
  let parse: @Sendable (String) -> Value?

  init(
    _ name: String, _ placeholder: String, help: String, valid: String, isRepeatable: Bool = false,
    parse: @escaping @Sendable (String) -> Value?
  ) {
    self.name = name
    self.placeholder = placeholder
    self.help = help
    self.valid = valid
    self.isRepeatable = isRepeatable
    self.parse = parse
  }
}

extension Option where Value == String {
  /// A file or folder, or `-` where the help says so.
  static func path(_ name: String, _ role: PathRole?, _ placeholder: String = "FILE", help: String) -> Option {
    var option = Option(name, placeholder, help: help, valid: "a path") { $0.isEmpty ? nil : $0 }
    option.role = role
    option.isPath = true
    return option
  }
}

extension Option where Value == Int {
  static func integer(_ name: String, _ placeholder: String = "N", in range: ClosedRange<Int>, help: String) -> Option {
    Option(
      name, placeholder, help: help, valid: "a whole number from \(range.lowerBound) to \(range.upperBound)"
    ) { text in Int(text).flatMap { range.contains($0) ? $0 : nil } }
  }
}

extension Option where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of a few words.
  static func choice(_ name: String, help: String) -> Option {
    let words = Value.allCases.map(\.rawValue)
    return Option(name, words.joined(separator: "|"), help: help, valid: "one of \(words.joined(separator: ", "))") {
      Value(rawValue: $0)
    }
  }
}

/// An option of any kind, as the parser and the help see it.
struct OptionDeclaration: Sendable {
  let name: String
  /// Nil for a flag.
  let placeholder: String?
  let help: String
  let isRepeatable: Bool
  /// Nil for what is no path, and for a folder of several outputs.
  let role: PathRole?
  let isPath: Bool
  /// The words that a value can be; empty where it is a path, a number, or of another form.
  var choices: [String] {
    let words = (placeholder ?? "").split(separator: "|").map(String.init)
    return words.count > 1 ? words : []
  }
  /// The short form, if there is one, and the name.
  var names: [String] { [shortForm, name].compactMap { $0 } }
  /// `-o`; nil without one.
  var shortForm: String? { ParsedArguments.shortForms.first { $0.value == name }?.key }
  /// What a value must be when `text` is not one; nil when it is.
  let problem: @Sendable (_ text: String) -> String?

  init(_ flag: Flag) {
    name = flag.name
    placeholder = nil
    help = flag.help
    isRepeatable = true
    role = nil
    isPath = false
    problem = { _ in nil }
  }

  init<Value>(_ option: Option<Value>) {
    name = option.name
    placeholder = option.placeholder
    help = option.help
    isRepeatable = option.isRepeatable
    role = option.role
    isPath = option.isPath
    problem = { option.parse($0) == nil ? option.valid : nil }
  }
}
