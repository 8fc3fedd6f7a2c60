extension [Float] {
  /// Rows that one piece of work takes.
  private static let pieceRows = 256

  /// Changes rows of `columns` values in place, a piece of them at a time on each thread.
  ///
  /// - Returns: what `body` gave for each piece, the same pieces for any number of threads.
  @unsafe mutating func concurrentRows<Output: Sendable>(
    columns: Int, threads: Int,
    _ body: @escaping @Sendable (_ rows: UnsafeMutablePointer<Float>, _ count: Int) -> Output
  ) -> [Output] {
    let count = count / Swift.max(columns, 1)
    return unsafe withUnsafeMutableBufferPointer { values in
      guard let start = values.baseAddress else { return [] }
      nonisolated(unsafe) let base = unsafe start
      return concurrentMap(count: (count + Self.pieceRows - 1) / Self.pieceRows, threads: threads) { piece in
        let first = piece * Self.pieceRows
        return unsafe body(base + first * columns, Swift.min(Self.pieceRows, count - first))
      }
    }
  }
}
