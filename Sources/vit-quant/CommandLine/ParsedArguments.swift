/// The arguments of a command, checked against its specification.
struct ParsedArguments: Sendable {
  private var flags: Set<String> = []
  /// Each value was checked with its option's `parse`.
  private var values: [String: [String]] = [:]
  private(set) var operands: [String] = []

  subscript(flag: Flag) -> Bool { flags.contains(flag.name) }

  /// The value of an option; nil when it was not given.
  subscript<Value>(option: Option<Value>) -> Value? { values[option.name]?.last.flatMap(option.parse) }

  /// All values of a repeatable option, in order.
  func all<Value>(_ option: Option<Value>) -> [Value] { (values[option.name] ?? []).compactMap(option.parse) }

  /// Every path that was given, with what the command does with it.
  func paths(_ specification: CommandSpecification) -> [NamedPath] {
    var paths: [NamedPath] = []
    for (index, operand) in operands.enumerated() {
      let declared = specification.operands[min(index, specification.operands.count - 1)]
      if let role = declared.role { paths.append(NamedPath(name: declared.name, path: operand, role: role)) }
    }
    for option in specification.options {
      guard let role = option.role else { continue }
      paths += (values[option.name] ?? []).map { NamedPath(name: option.name, path: $0, role: role) }
    }
    return paths
  }

  /// Parses what follows the command's name.
  ///
  /// `--` ends the options, `-` is an operand. An option that takes a value takes the next argument, unless that begins
  /// with `--`; such a value is given as `--option=--value`.
  init(_ arguments: [String], for specification: CommandSpecification) throws(CommandError) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        operands += rest
        break
      }
      guard argument.hasPrefix("-"), argument != "-" else {
        operands.append(argument)
        continue
      }
      try parseOption(argument, &rest, specification)
    }
    if flags.contains(SharedOptions.help.name) { return }
    for required in specification.requiredOptions where values[required] == nil {
      throw .usage("\(required) is missing, in \"\(specification.name)\", expected: \(specification.usage)")
    }
    try checkOperands(specification)
    for condition in specification.conditions where isGiven(condition.option) && !condition.isMet(self) {
      throw OptionCondition.error(condition.option, in: specification.name, expected: condition.expected)
    }
  }

  private func isGiven(_ option: String) -> Bool { flags.contains(option) || values[option] != nil }

  /// Short forms of the options that people type most, where a command has them.
  static let shortForms = ["-h": "--help", "-q": "--quiet", "-o": "--output", "-k": "--top-k"]

  private mutating func parseOption(
    _ argument: String, _ rest: inout ArraySlice<String>, _ specification: CommandSpecification
  ) throws(CommandError) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
    let name = Self.shortForms[parts[0]] ?? parts[0]
    guard let option = specification.allOptions.first(where: { $0.name == name }) else {
      let names = specification.allOptions.map(\.name)
      let suggestion = Suggestion.nearest(to: name, among: names).map { "did you mean \($0)?" }
      throw .usage(
        "unknown option \(name), in \"\(specification.name)\", "
          + (suggestion ?? "\"vit-quant help \(specification.name)\" lists those there are"))
    }
    guard let placeholder = option.placeholder else {
      guard parts.count == 1 else {
        throw .usage("a value for \(name), in \"\(argument)\", expected \(name) alone")
      }
      flags.insert(name)
      return
    }
    guard let value = parts.count == 2 ? parts[1] : rest.first, parts.count == 2 || !value.hasPrefix("--") else {
      throw .usage("no value after \(name), in \"\(specification.name)\", expected \(name) \(placeholder)")
    }
    if parts.count == 1 { rest.removeFirst() }
    if let valid = option.problem(value) {
      throw .usage("\"\(value)\" is no value, for \(name), expected \(valid)")
    }
    guard option.isRepeatable || values[name] == nil else {
      throw .usage("\(name) is given twice, in \"\(specification.name)\", expected it once")
    }
    values[name, default: []].append(value)
  }

  private func checkOperands(_ specification: CommandSpecification) throws(CommandError) {
    let declared = specification.operands
    let required = declared.filter(\.isRequired)
    guard operands.count >= required.count else {
      let missing = required[operands.count].name
      throw .usage("\(missing) is missing, in \"\(specification.name)\", expected: \(specification.usage)")
    }
    guard !operands.contains("") else {
      throw .usage("an empty argument, in \"\(specification.name)\", expected: \(specification.usage)")
    }
    guard operands.count <= declared.count || declared.last?.isRepeatable == true else {
      throw .usage(
        "one argument too many, \"\(operands[declared.count])\" in \"\(specification.name)\", "
          + "expected: \(specification.usage)")
    }
  }
}
