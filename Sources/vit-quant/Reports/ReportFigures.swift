import Quant

/// The numbers of a drift report, in their order. A row here is all that a number takes: JSON, the page, the text, the
/// gates, the comparison with a baseline and the help are made from these tables.
enum ReportFigures {
  static let summary: [Figure<DriftSummary>] = [
    Figure("samples", "Images", .count) { Double($0.samples) },
    Figure("labelled", "with a label", .count) { Double($0.labelled) },
    Figure(
      "fp32_top1", "Top-1, fp32", .share, prefers: .higher,
      explanation: "share of images whose largest logit is the label's"
    ) { $0.referenceTop1 },
    Figure("int8_top1", "Top-1, int8", .share, prefers: .higher, tolerance: .init(absolute: 0.001)) {
      $0.quantizedTop1
    },
    Figure(
      "top1_drop", "Top-1 drop", .number(decimals: 2, unit: "points"), prefers: .lower,
      tolerance: .init(absolute: 0.1),
      explanation: "accuracy lost in percentage points; below zero int8 is better",
      interval: { $0.top1DropInterval }
    ) { $0.top1Drop },
    Figure(
      "fp32_top5", "Top-5, fp32", .share, prefers: .higher,
      explanation: "share of images whose label is among the five largest logits"
    ) { $0.referenceTop5 },
    Figure("int8_top5", "Top-5, int8", .share, prefers: .higher, tolerance: .init(absolute: 0.001)) {
      $0.quantizedTop5
    },
    Figure(
      "agreement", "Agreement", .share, prefers: .higher, tolerance: .init(absolute: 0.002),
      explanation: "share of images on which both models name the same class"
    ) { $0.agreement },
    Figure(
      "logit_sqnr_db", "Logit SQNR", .number(decimals: 2, unit: "dB"), prefers: .higher,
      tolerance: .init(absolute: 0.5),
      explanation: "energy of the fp32 logits over the energy of the difference, mean over images"
    ) { $0.logitSQNR },
    Figure(
      "logit_cosine", "Logit cosine", .number(decimals: 6), prefers: .higher, tolerance: .init(absolute: 0.0001),
      explanation: "1 when the logits of both models point the same way"
    ) { $0.logitCosine },
    Figure(
      "kl_divergence", "KL divergence", .number(decimals: 6, unit: "nats"), prefers: .lower,
      tolerance: .init(absolute: 1e-6, relative: 0.2),
      explanation: "distance between the two models' probabilities, 0 when equal"
    ) { $0.klDivergence },
    Figure(
      "token_sqnr_db", "Token SQNR", .number(decimals: 2, unit: "dB"), prefers: .higher,
      tolerance: .init(absolute: 0.5),
      explanation: "the same ratio for the tokens after the last layer"
    ) { $0.tokenSQNR },
    Figure(
      "token_cosine", "Token cosine", .number(decimals: 6), prefers: .higher, tolerance: .init(absolute: 0.0001),
      explanation: "1 when the final tokens point the same way"
    ) { $0.tokenCosine },
  ]

  /// Of each layer.
  static let layer: [Figure<DriftSummary.Layer>] = [
    Figure(
      "sqnr_db", "SQNR", .number(decimals: 2, unit: "dB"), prefers: .higher, tolerance: .init(absolute: 1)
    ) { $0.sqnrDecibels },
    Figure("cosine", "Cosine", .number(decimals: 6), prefers: .higher) { $0.meanCosine },
    Figure(
      "max_abs_error", "Largest error", shortTitle: "Max error", .number(decimals: 4), prefers: .lower
    ) { $0.maximumError },
    Figure(
      "saturation", "Saturated", .share, prefers: .lower,
      explanation: "share of values at the ends of the fixed-point format"
    ) { $0.saturation },
  ]

  /// What the help of `report` says of all this.
  static var notes: [String] {
    func keys(_ preference: Figure<DriftSummary>.Preference?) -> String {
      summary.filter { $0.preference == preference }.map(\.key).joined(separator: ", ")
    }
    let tolerances = summary.compactMap(\.toleranceText).joined(separator: ", ")
    let layerTolerances = layer.compactMap(\.toleranceText).joined(separator: ", ")
    return [
      "KEY of --fail-under and --fail-over: higher is better, \(keys(.higher)); lower is better, \(keys(.lower)); "
        + "neither, \(keys(nil)).",
      "Tolerances of --baseline: \(tolerances); of each layer, \(layerTolerances).",
    ]
  }
}
