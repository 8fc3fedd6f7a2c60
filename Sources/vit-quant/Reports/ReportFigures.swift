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
    Figure("int8_top1", "Top-1, int8", .share, prefers: .higher) { $0.quantizedTop1 },
    Figure(
      "top1_drop", "Top-1 drop", .number(decimals: 2, unit: "points"), prefers: .lower,
      tolerance: .init(absolute: 0.05),
      explanation: "accuracy lost in percentage points; below zero int8 is better",
      interval: { $0.top1DropInterval }
    ) { $0.top1Drop },
    Figure(
      "mcnemar_p", "McNemar test", .number(decimals: 4),
      explanation:
        "how probable so uneven a difference is if both models are equally good; below 0.05 it is significant"
    ) { $0.mcnemarP },
    Figure(
      "fp32_top5", "Top-5, fp32", .share, prefers: .higher,
      explanation: "share of images whose label is among the five largest logits"
    ) { $0.referenceTop5 },
    Figure("int8_top5", "Top-5, int8", .share, prefers: .higher, tolerance: .init(absolute: 0.001)) {
      $0.quantizedTop5
    },
    Figure(
      "agreement", "Agreement", .share, prefers: .higher, tolerance: .init(absolute: 0.0005),
      explanation: "share of images on which both models name the same class",
      interval: { $0.agreementInterval }
    ) { $0.agreement },
    Figure(
      "logit_sqnr_db", "Logit SQNR", .number(decimals: 2, unit: "dB"), prefers: .higher,
      tolerance: .init(absolute: 0.25),
      explanation: "energy of the fp32 logits over the energy of the difference, mean over images",
      interval: { $0.logitSQNRInterval }
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
      tolerance: .init(absolute: 0.25),
      explanation: "energy of the final fp32 tokens over the energy of the difference, mean over images",
      interval: { $0.tokenSQNRInterval }
    ) { $0.tokenSQNR },
    Figure(
      "token_cosine", "Token cosine", .number(decimals: 6), prefers: .higher, tolerance: .init(absolute: 0.0001),
      explanation: "1 when the final tokens point the same way"
    ) { $0.tokenCosine },
    Figure(
      "class_token_cosine", "Class token cosine", .number(decimals: 6), prefers: .higher,
      tolerance: .init(absolute: 0.0001), explanation: "of a model without a head"
    ) { $0.classTokenCosine },
    Figure(
      "pooled_cosine", "Pooled cosine", .number(decimals: 6), prefers: .higher, tolerance: .init(absolute: 0.0001),
      explanation: "of the vector that stands for an image, in a model without a head",
      interval: { $0.pooledCosineInterval }
    ) { $0.pooledCosine },
    Figure(
      "neighbour_agreement", "Same nearest neighbour", .share, prefers: .higher, tolerance: .init(absolute: 0.005),
      explanation: "share of images whose nearest other image is the same in both models",
      interval: { $0.neighbourAgreementInterval }
    ) { $0.neighbourAgreement },
    Figure(
      "neighbour_overlap5", "Same five nearest", .share, prefers: .higher, tolerance: .init(absolute: 0.01),
      explanation: "mean share of the five nearest images that are the same in both models"
    ) { $0.neighbourOverlap5 },
    Figure(
      "clipped_inputs", "Clipped inputs", .share, prefers: .lower, tolerance: .init(absolute: 0.001),
      explanation: "share of input values that no pixel of the int8 model has, as after a wrong normalisation"
    ) { $0.clippedInputs },
  ]

  /// Of each layer.
  static let layer: [Figure<LayerSummary>] = [
    Figure(
      "sqnr_db", "Accumulated", shortTitle: "SQNR", .number(decimals: 2, unit: "dB"), prefers: .higher,
      tolerance: .init(absolute: 0.5),
      explanation: "SQNR with everything up to here in int8", interval: { $0.sqnrInterval }
    ) { $0.sqnrDecibels },
    Figure(
      "own_db", "Own output", shortTitle: "Own", .number(decimals: 2, unit: "dB"), prefers: .higher,
      tolerance: .init(absolute: 1), explanation: "SQNR of what the layer gives for exact inputs",
      interval: { $0.alone?.ownInterval }
    ) { $0.alone?.ownDecibels },
    Figure(
      "alone_db", "Alone", .number(decimals: 2, unit: "dB"), prefers: .higher, tolerance: .init(absolute: 1),
      explanation: "SQNR of the model's output with only this layer in int8", interval: { $0.alone?.outputInterval }
    ) { $0.alone?.outputDecibels },
    Figure(
      "noise_share", "Share of the noise", shortTitle: "Noise", .share,
      explanation: "of the noise in the model's output that the layers cause one by one"
    ) { $0.alone?.noiseShare },
    Figure("bits", "Bits", .count, explanation: "of weights and activations") { $0.point.bits.map { Double($0) } },
    Figure("cosine", "Cosine", .number(decimals: 6), prefers: .higher) { $0.meanCosine },
    Figure(
      "max_abs_error", "Largest error", shortTitle: "Max error", .number(decimals: 4), prefers: .lower
    ) { $0.maximumError },
    Figure(
      "saturation", "Saturated", .share, prefers: .lower,
      explanation: "share of outputs at the ends of the integer format"
    ) { $0.saturation },
    Figure(
      "clipped", "Clipped", .share, prefers: .lower, tolerance: .init(absolute: 0.001),
      explanation: "share of inputs beyond the range that calibration gave them"
    ) { $0.clipped },
    Figure(
      "weight_error", "Weights off", .share, prefers: .lower, tolerance: .init(absolute: 0.02),
      explanation: "how far the weights are from the float model's, relative to their length; rounding gives 1 to 3%"
    ) { $0.alone?.weightError },
  ]

  /// Of each class.
  static let classes: [Figure<ClassDrift>] = [
    Figure("images", "Images", .count) { Double($0.images) },
    Figure("fp32_top1", "fp32", .share, prefers: .higher) { $0.referenceTop1 },
    Figure("int8_top1", "int8", .share, prefers: .higher) { $0.quantizedTop1 },
    Figure(
      "top1_drop", "Drop", .number(decimals: 2, unit: "points"), prefers: .lower, tolerance: .init(absolute: 0.5),
      interval: { $0.dropInterval }
    ) { $0.drop },
  ]

  /// What the help of `report` says of all this.
  static var notes: [String] {
    func keys(_ preference: Figure<DriftSummary>.Preference?) -> String {
      summary.filter { $0.preference == preference }.map(\.key).joined(separator: ", ")
    }
    let tolerances = summary.compactMap(\.toleranceText).joined(separator: ", ")
    let layerTolerances = layer.compactMap(\.toleranceText).joined(separator: ", ")
    let classTolerances = classes.compactMap(\.toleranceText).joined(separator: ", ")
    return [
      "KEY of --fail-under and --fail-over: higher is better, \(keys(.higher)); lower is better, \(keys(.lower)); "
        + "neither, \(keys(nil)). Of single layers, layers.NAME.KEY with one of "
        + "\(layer.map(\.key).joined(separator: ", ")), such as layers.blk.3.ffn_up.own_db; of single classes, "
        + "classes.NAME.KEY with one of \(classes.map(\.key).joined(separator: ", ")). NAME * means each of them.",
      "Tolerances of --baseline are what chance explains for so many images, but at least: \(tolerances); of each layer, "
        + "\(layerTolerances); of each class, \(classTolerances).",
    ]
  }
}
