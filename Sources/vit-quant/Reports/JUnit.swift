import Quant

/// The checks of a report as JUnit's XML, which CI systems show.
struct JUnit {
  let results: [GateResult]
  let verdict: Verdict

  var xml: String {
    let failures = results.count { $0.failure != nil }
    var lines = [
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
      "<testsuites tests=\"\(results.count + 1)\" failures=\"\(failures)\" errors=\"0\">",
      "  <testsuite name=\"vit-quant report\" tests=\"\(results.count + 1)\" failures=\"\(failures)\" errors=\"0\">",
      "    <testcase classname=\"report\" name=\"measured\">",
      "      <system-out>\(Self.escape(summary))</system-out>", "    </testcase>",
    ]
    for result in results {
      let name = "    <testcase classname=\"gate\" name=\"\(Self.escape(result.name))\""
      guard let failure = result.failure else {
        lines.append(name + "/>")
        continue
      }
      lines += [name + ">", "      <failure message=\"\(Self.escape(failure))\"/>", "    </testcase>"]
    }
    return (lines + ["  </testsuite>", "</testsuites>", ""]).joined(separator: "\n")
  }

  private var summary: String {
    (["verdict: \(verdict.level.rawValue)"] + verdict.criteria.map { "\($0.level.rawValue): \($0.finding)" })
      .joined(separator: "\n")
  }

  /// XML 1.0 has no place for control characters, so they become spaces.
  private static func escape(_ text: String) -> String {
    DriftPage.escape(
      String(
        String.UnicodeScalarView(
          text.unicodeScalars.map { $0.properties.generalCategory == .control && $0 != "\n" ? " " : $0 })))
  }
}
