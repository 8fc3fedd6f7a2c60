import ViTImages

/// The command line of one command: what the parser accepts and the help shows.
struct CommandSpecification: Sendable {
  /// An argument that is not an option.
  struct Operand: Sendable {
    let name: String
    let help: String
    let isRequired: Bool
    let isRepeatable: Bool
    /// Nil for what is no path.
    let role: PathRole?
    /// The words that it can be; empty where there are others.
    let choices: [String]

    init(
      _ name: String, _ role: PathRole?, help: String, isRequired: Bool = true, isRepeatable: Bool = false,
      choices: [String] = []
    ) {
      self.name = name
      self.role = role
      self.help = help
      self.isRequired = isRequired
      self.isRepeatable = isRepeatable
      self.choices = choices
    }

    /// `MODEL`, `[MODEL]`, `INPUT...`
    var usage: String {
      let repeated = isRepeatable ? "\(name)..." : name
      return isRequired ? repeated : "[\(repeated)]"
    }
  }

  let name: String
  /// One sentence.
  let summary: String
  var operands: [Operand] = []
  var options: [OptionDeclaration] = []
  /// Options of `options` that must be given.
  var requiredOptions: [String] = []
  /// A command that works, with a comment on what it does.
  let example: String
  /// What else is worth knowing, a line each.
  var notes: [String] = []
  /// What follows the command's name, for a command that has more than one form; each without `[options]`.
  var forms: [String] = []
  /// Options that do nothing by themselves.
  var conditions: [OptionCondition] = []

  /// Options that every command has.
  static let shared: [OptionDeclaration] = [
    OptionDeclaration(SharedOptions.quiet), OptionDeclaration(SharedOptions.noColor),
    OptionDeclaration(SharedOptions.help),
  ]

  var allOptions: [OptionDeclaration] { options + Self.shared }

  /// A line for each form: `vit-quant run MODEL INPUT... [options]`. What is in no brackets is required.
  var usages: [String] {
    let required = requiredOptions.map { name in
      options.first { $0.name == name }?.placeholder.map { "\(name) \($0)" } ?? name
    }
    let forms = forms.isEmpty ? [(operands.map(\.usage) + required).joined(separator: " ")] : forms
    let others = options.count > requiredOptions.count ? "[options]" : ""
    return forms.map { ["vit-quant", name, $0, others].filter { !$0.isEmpty }.joined(separator: " ") }
  }

  /// All forms, for one line of a message.
  var usage: String { usages.joined(separator: " or ") }
}

/// What an option needs to have an effect; without it the option is refused.
struct OptionCondition: Sendable {
  let option: String
  /// `--activations static as well`
  let expected: String
  let isMet: @Sendable (ParsedArguments) -> Bool

  init(_ option: String, expected: String, isMet: @escaping @Sendable (ParsedArguments) -> Bool) {
    self.option = option
    self.expected = expected
    self.isMet = isMet
  }

  /// The error for an option without effect.
  static func error(_ option: String, in command: String, expected: String) -> CommandError {
    .usage("\(option) has no effect here, in \"\(command)\", expected \(expected)")
  }
}

/// Options that mean the same in every command that has them.
enum SharedOptions {
  static let quiet = Flag("--quiet", help: "no progress and no notes on standard error")
  static let noColor = Flag("--no-color", help: "no colors, as with the environment variable NO_COLOR")
  static let help = Flag("--help", help: "show this help")
  static let json = Flag("--json", help: "JSON instead of text")
  static let threads = Option<Int>.integer(
    "--threads", in: 1...256, help: "threads to use; as many as there are processors by default")
  static let data = Option<String>.path(
    "--data", .images, "DATA",
    help: "folder of images (class folders or labels.csv give labels), or .safetensors with images or pixel_values")
  static let samples = Option<Int>.integer(
    "--samples", in: 1...Int.max, help: "use N of the samples, chosen by the seed")
  static let seed = Option<UInt64>(
    "--seed", "N", help: "seed of random choices; 0 by default", valid: "a whole number from 0"
  ) {
    UInt64($0)
  }
  static let labels = Option<String>.path(
    "--labels", .file, help: "names of the classes, one in each line, in place of those in the model")
  static let skipBad = Flag("--skip-bad", help: "go on without images that cannot be read; they are named and counted")
  static let maximumPixels = Option<Int>.integer(
    "--max-pixels", in: ImageSize.validMaximumPixels,
    help: "refuse images with more pixels; 100000000 by default")
}
