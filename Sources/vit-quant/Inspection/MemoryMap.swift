import Quant
import ViTLite

/// A drawing of a plan: the stages of an inference to the right, the addresses of the arena upwards, a rectangle for
/// each buffer. Readable on a light and on a dark background.
struct MemoryMap {
  private let plan: ForwardPlan
  private let stages: [[Phase]]

  init(_ plan: ForwardPlan) {
    self.plan = plan
    stages = plan.phasesByStage
  }

  // In pixels.
  private static let stageWidth = 54.0
  private static let height = 520.0
  private static let left = 76.0
  private static let top = 44.0
  /// Below the plan, for the names of the phases.
  private static let bottom = 120.0

  private var width: Double { Self.stageWidth * Double(stages.count) }

  private func x(ofStage stage: Int) -> Double { Self.left + Self.stageWidth * Double(stage) }

  private func y(of address: Int) -> Double {
    Self.top + Self.height * (1 - Double(address) / Double(max(plan.memory.byteCount, 1)))
  }

  var svg: String {
    let size = (width: Self.left + width + 60, height: Self.top + Self.height + Self.bottom)
    let title =
      "Memory of an inference, \(plan.kind) plan, \(plan.workers) thread\(plan.workers == 1 ? "" : "s"): "
      + NumberText.bytes(plan.memory.byteCount)
    let view = "0 0 \(NumberText.fixed(size.width, 0)) \(NumberText.fixed(size.height, 0))"
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="\(view)" role="img" aria-label="\(title)">
      <style>
      text { font: 11px system-ui, sans-serif; fill: #222; }
      .title { font-size: 14px; font-weight: 600; }
      .line { stroke: #8886; }
      rect { stroke: #fff; fill-opacity: 0.85; }
      .name { fill: #fff; pointer-events: none; }
      @media (prefers-color-scheme: dark) { text { fill: #ddd; } rect { stroke: #111; } .name { fill: #fff; } }
      </style>
      <text class="title" x="\(Self.left)" y="24">\(title)</text>

      """ + (grid + phaseNames + buffers).joined(separator: "\n") + "\n</svg>\n"
  }

  /// Lines at quarters of the arena, with their addresses.
  private var grid: [String] {
    (0...4).map { quarter in
      let address = plan.memory.byteCount * quarter / 4
      let y = NumberText.fixed(y(of: address), 1)
      let right = NumberText.fixed(Self.left + width, 1)
      return "<line class=\"line\" x1=\"\(Self.left)\" x2=\"\(right)\" y1=\"\(y)\" y2=\"\(y)\"/>"
        + "<text x=\"\(Self.left - 8)\" y=\"\(y)\" dy=\"4\" text-anchor=\"end\">\(NumberText.bytes(address))</text>"
    }
  }

  /// The phases of each stage, below it.
  private var phaseNames: [String] {
    let y = NumberText.fixed(Self.top + Self.height + 12, 1)
    return stages.enumerated().map { stage, phases in
      let x = NumberText.fixed(x(ofStage: stage) + Self.stageWidth / 2, 1)
      let names = phases.map(\.name).joined(separator: ", ")
      let shown = phases.count > 1 ? "\(phases[0].name), …" : names
      return "<text transform=\"translate(\(x) \(y)) rotate(60)\"><title>\(names)</title>\(shown)</text>"
    }
  }

  /// A rectangle for each buffer that takes memory.
  private var buffers: [String] {
    let all = plan.memory.buffers
    return all.enumerated().filter { $0.element.byteCount > 0 }.map { index, buffer in
      let (low, high) = (y(of: buffer.offset), y(of: buffer.offset + buffer.byteCount))
      let left = x(ofStage: buffer.lifetime.lowerBound)
      let width = x(ofStage: buffer.lifetime.upperBound + 1) - left
      let hue = index * 360 / all.count
      let title =
        "\(buffer.name): \(NumberText.grouped(buffer.byteCount)) bytes at \(NumberText.grouped(buffer.offset)), "
        + "stages \(buffer.lifetime.lowerBound) to \(buffer.lifetime.upperBound)"
      let place =
        "x=\"\(NumberText.fixed(left, 1))\" y=\"\(NumberText.fixed(high, 1))\" "
        + "width=\"\(NumberText.fixed(width, 1))\" height=\"\(NumberText.fixed(max(low - high, 0.5), 1))\""
      let rectangle = "<rect \(place) style=\"fill: hsl(\(hue) 55% 42%)\"><title>\(title)</title></rect>"
      // A name where there is room for it, at six pixels a letter.
      guard low - high >= 14, width >= 6 * Double(buffer.name.count) + 8 else { return rectangle }
      let (textX, textY) = (NumberText.fixed(left + 4, 1), NumberText.fixed((low + high) / 2, 1))
      return rectangle + "<text class=\"name\" x=\"\(textX)\" y=\"\(textY)\" dy=\"4\">\(buffer.name)</text>"
    }
  }
}
