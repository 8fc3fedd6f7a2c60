import Quant
import ViTLite

// How `inspect` shows a plan.
extension ForwardPlan {
  var phasesJSON: JSON {
    .array(
      Phase.allCases.map { phase in
        let description = phase.description
        return [
          "name": .string(description.name), "work": .string("\(description.work)"),
          "reads": .array(Self.names(description.reads).map { .string($0) }),
          "writes": .array(Self.names(description.writes).map { .string($0) }),
          "operations": .integer(Int(operations(of: phase))), "workers_meet": .bool(workersMeet(after: phase)),
        ]
      })
  }

  var memoryJSON: JSON {
    let buffers = memory.buffers.map { buffer -> JSON in
      [
        "name": .string(buffer.name), "bytes": .integer(buffer.byteCount), "offset": .integer(buffer.offset),
        "first_stage": .integer(buffer.lifetime.lowerBound), "last_stage": .integer(buffer.lifetime.upperBound),
      ]
    }
    return ["arena_bytes": .integer(memory.byteCount), "buffers": .array(buffers)]
  }

  func phaseLines(_ console: Console) -> [String] {
    var table = TextTable([.left, .left, .right, .left])
    for phase in Phase.allCases {
      let description = phase.description
      let operations = operations(of: phase)
      table.add([
        description.name, "by \(description.work)",
        operations > 0 ? "\(NumberText.fixed(Double(operations) / 1e6, 1)) Mop" : "",
        Self.names(description.reads).joined(separator: ", ") + " -> "
          + Self.names(description.writes).joined(separator: ", "),
      ])
    }
    return [console.styled("Phases (name, shared by the workers, operations of all blocks, buffers)", .bold)]
      + table.lines
  }

  func memoryLines(_ console: Console) -> [String] {
    var table = TextTable([.left, .right, .right, .left])
    for buffer in memory.buffers {
      table.add([
        buffer.name, NumberText.grouped(buffer.offset), NumberText.grouped(buffer.byteCount),
        "stages \(buffer.lifetime.lowerBound) to \(buffer.lifetime.upperBound)",
      ])
    }
    return [
      console.styled(
        "Memory of one inference on one thread (buffer, offset, bytes): \(NumberText.bytes(memory.byteCount))", .bold)
    ] + table.lines
  }

  private static func names(_ buffers: BufferSet) -> [String] {
    Buffer.allCases.filter { buffers.contains($0) }.map(\.name)
  }
}
