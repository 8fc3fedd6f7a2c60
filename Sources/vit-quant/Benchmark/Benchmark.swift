import Int8Kernels
import LibC
import Quant
import ViTLite

/// The measurement of one int8 model, one image at a time.
struct Benchmark {
  struct Plan {
    let execution: Execution
    let runs: Int
    let warmup: Int
    let measuresStages: Bool
    /// Whether the system forgets the model file before each run.
    let isCold: Bool
  }

  private let name: String
  private let plan: Plan
  /// The latency of each run in milliseconds, the shortest first.
  private let latencies: [Double]
  /// From opening the file to a session that is ready, in milliseconds.
  private let loadTime: Double
  private let arenaBytes: Int
  private let weightsBytes: Int
  /// Names of the layers at int16.
  private let wideLayers: [String]
  private let peakResidentBytes: Int?
  /// Billions of operations a second: of the matrix products alone, and of the processor at its best; nil where this
  /// instruction set has no such loop.
  private let productRate: Double?
  private let peakRate: Double?
  /// Median time of each stage on the first thread, in milliseconds; nil when they are not measured.
  private let stages: [(name: String, milliseconds: Double)]?

  init(path: String, name: String, _ plan: Plan) throws(CommandError) {
    self.name = name
    self.plan = plan
    let start = Clock.seconds
    let model = try ModelFile.loadInteger(path, keepsPages: !plan.execution.holdsLittle)
    let session = try plan.execution.session(model)
    let coldFile = try plan.isCold ? ModelFile.mapped(path) : nil
    do throws(InferenceError) {
      loadTime = (Clock.seconds - start) * 1000
      let pixels = Self.pixels(for: model)
      if plan.execution.holdsLittle { ResidentMemory.releaseCode() }
      for _ in 0..<plan.warmup { _ = try session.run(pixels) }
      var latencies: [Double] = []
      for _ in 0..<plan.runs {
        latencies.append(try Self.time(of: session, pixels, coldFile))
      }
      self.latencies = latencies.sorted()
      arenaBytes = session.plan.arenaByteCount
      peakResidentBytes = ResidentMemory.peak
    } catch { throw .limit("\(error)") }
    stages = plan.measuresStages ? try Self.phaseTimes(of: model, plan, coldFile) : nil
    weightsBytes = ModelContents(model).byteCount
    wideLayers = model.wideLayerNames.map(\.description)
    // After the peak of memory was read: these have buffers of their own.
    let (instructionSet, threads) = (session.instructionSet, plan.execution.threads)
    let products = ThroughputProbe.products(of: model, on: instructionSet, threads: threads, plan: session.plan.kind)
    productRate = products.map { Self.rate(of: $0, runs: min(max(plan.runs, 3), 20)) }
    let peak = ThroughputProbe.peak(of: instructionSet, threads: threads, rounds: Self.peakRounds)
    peakRate = peak.map { Self.rate(of: $0, runs: 10) }
  }

  /// Milliseconds of one run.
  ///
  /// - Parameter coldFile: the model's file, where the system is to forget it before.
  private static func time(
    of session: InferenceSession, _ pixels: [UInt8], _ coldFile: MappedFile?
  ) throws(InferenceError) -> Double {
    if let coldFile {
      session.model.releaseWeights()
      coldFile.forgetCachedBytes()
    }
    let begin = Clock.seconds
    _ = try session.run(pixels)
    return (Clock.seconds - begin) * 1000
  }

  private static func pixels(for model: IntegerModel) -> [UInt8] {
    let configuration = model.configuration
    return CalibrationRun.randomPixels(configuration.imageElements, seed: 1)
  }

  /// The median time of each phase. These are runs of their own, because reading the clock takes time.
  private static func phaseTimes(
    of model: IntegerModel, _ plan: Plan, _ coldFile: MappedFile?
  ) throws(CommandError) -> [(name: String, milliseconds: Double)] {
    let session = try plan.execution.session(model, measuresPhases: true)
    let pixels = pixels(for: model)
    var times = [[Double]](repeating: [], count: Phase.allCases.count)
    var (waits, stalls): ([Double], [Double]) = ([], [])
    do throws(InferenceError) {
      _ = try session.run(pixels)
      for _ in 0..<plan.runs {
        _ = try time(of: session, pixels, coldFile)
        for phase in Phase.allCases { times[phase.rawValue].append(Double(session.nanoseconds(of: phase)) / 1e6) }
        waits.append(Double(session.waitingNanoseconds) / 1e6)
        stalls.append(Double(session.stallNanoseconds) / 1e6)
      }
    } catch { throw .limit("\(error)") }
    let phases = Phase.allCases.map { ($0.name, median(ofSorted: times[$0.rawValue].sorted())) }
    let waiting = [("barrier", median(ofSorted: waits.sorted()))]
    // A part of the products' times.
    let stall = [("stall", median(ofSorted: stalls.sorted()))]
    return phases + waiting + (plan.execution.memoryLimit != nil ? stall : [])
  }

  /// Rounds of the peak loop in one run: a few milliseconds, long enough for the clock and short enough that most runs
  /// are not interrupted.
  private static let peakRounds: Int64 = 1_000_000

  /// Of the fastest of some runs, after one that warms up, because a disturbance can only make a run slower.
  private static func rate(of probe: ThroughputProbe, runs: Int) -> Double {
    probe.run()
    var shortest = Double.infinity
    for _ in 0..<runs {
      let start = Clock.seconds
      probe.run()
      shortest = min(shortest, Clock.seconds - start)
    }
    return Double(probe.operations) / max(shortest, 1e-9) / 1e9
  }

  /// Nil where it cannot be, because the products were measured faster than the peak.
  private var peakFraction: Double? {
    guard let productRate, let peakRate, productRate <= peakRate * Disturbance.peakSlack else { return nil }
    return productRate / peakRate
  }

  private var disturbances: [String] {
    Disturbance(
      shortest: latencies[0], median: median, p95: quantile(0.95), productRate: productRate, peakRate: peakRate
    ).findings
  }

  /// The latency that a share of the runs does not exceed.
  private func quantile(_ share: Double) -> Double {
    let index = Int((share * Double(latencies.count - 1)).rounded(.up))
    return latencies[min(max(index, 0), latencies.count - 1)]
  }

  private var median: Double { Self.median(ofSorted: latencies) }

  private static func median(ofSorted values: [Double]) -> Double {
    let middle = values.count / 2
    return values.count.isMultiple(of: 2) ? (values[middle - 1] + values[middle]) / 2 : values[middle]
  }

  var json: JSON {
    var members: [JSON.Member] = [
      .init(key: "model", value: .string(name)), .init(key: "isa", value: .string(plan.execution.instructionSet.name)),
      .init(key: "threads", value: .integer(plan.execution.threads)), .init(key: "runs", value: .integer(plan.runs)),
      .init(
        key: "latency_ms",
        value: ["min": .double(latencies[0]), "median": .double(median), "p95": .double(quantile(0.95))]),
      .init(key: "throughput_images_per_s", value: .double(1000 / median)),
      .init(key: "load_ms", value: .double(loadTime)), .init(key: "peak_rss_bytes", value: JSON(peakResidentBytes)),
      .init(key: "arena_bytes", value: .integer(arenaBytes)),
      .init(key: "weights_bytes", value: .integer(weightsBytes)),
      .init(key: "gemm_gops", value: JSON(productRate)), .init(key: "peak_gops", value: JSON(peakRate)),
      .init(key: "gemm_peak_fraction", value: JSON(peakFraction)),
      .init(key: "disturbances", value: .array(disturbances.map { .string($0) })),
    ]
    members.append(.init(key: "int16_layers", value: .array(wideLayers.map { .string($0) })))
    if let stages {
      let times = stages.map { JSON.Member(key: $0.name, value: .double($0.milliseconds)) }
      members.append(.init(key: "stages", value: .object(times)))
    }
    return .object(members)
  }

  func text(_ console: Console) -> String {
    var table = TextTable([.left, .right])
    table.add(["Latency, median", NumberText.fixed(median, 3) + " ms"])
    table.add(["minimum", NumberText.fixed(latencies[0], 3) + " ms"])
    table.add(["95% within", NumberText.fixed(quantile(0.95), 3) + " ms"])
    table.add(["Throughput", NumberText.fixed(1000 / median, 1) + " images/s"])
    table.add(["Load", NumberText.fixed(loadTime, 2) + " ms"])
    if let peakResidentBytes { table.add(["Peak resident memory", NumberText.bytes(peakResidentBytes)]) }
    table.add(["Arena", NumberText.bytes(arenaBytes)])
    table.add(["Weights", NumberText.bytes(weightsBytes)])
    if let productRate { table.add(["Matrix products", NumberText.fixed(productRate, 1) + " Gop/s"]) }
    if let peakRate { table.add(["Peak of the processor", NumberText.fixed(peakRate, 1) + " Gop/s"]) }
    if let peakFraction { table.add(["Share of the peak", NumberText.percent(peakFraction, 1)]) }
    let title =
      "\(name), \(plan.execution.instructionSet.name), \(plan.execution.threads) thread\(plan.execution.threads == 1 ? "" : "s")"
    let warnings = disturbances.map { "\nDisturbed: \($0)" }.joined()
    return console.styled("\(title), \(plan.runs) runs", .bold) + "\n" + table.text + warnings + stageText(console)
  }

  private func stageText(_ console: Console) -> String {
    guard let stages else { return "" }
    let total = stages.reduce(0) { $0 + $1.milliseconds }
    var table = TextTable([.left, .right, .right])
    for stage in stages {
      let share = NumberText.percent(total > 0 ? stage.milliseconds / total : 0, 1)
      table.add([stage.name, NumberText.fixed(stage.milliseconds, 3) + " ms", share])
    }
    let wide =
      wideLayers.isEmpty ? "" : "\nAt int16, counted as two products of int8: \(wideLayers.joined(separator: " "))"
    return "\n" + console.styled("Stages, medians on the first thread", .bold) + "\n" + table.text + wide
  }
}
