import ViTLite

extension FloatModel {
  /// What a `FloatReference` gives for several images, in the memory of one block: all images go through a block before
  /// the next one is packed, and of each image only the residual stream stays.
  ///
  /// - Parameter values: `channels x height x width` of the configuration for an image's index, normalised.
  func outputs(
    count: Int, threads: Int, values: @escaping @Sendable (Int) -> [Float]
  ) -> [FloatOutput] {
    let configuration = configuration
    var frameModel = self
    frameModel.blocks = []
    let frame = FloatReference(frameModel)
    let residuals = concurrentMap(count: count, threads: threads) { () throws(Never) in
      FloatWorkspace(configuration)
    } body: { (workspace, index) throws(Never) in
      workspace.residual = FloatBuffer(count: configuration.tokens * configuration.width)
      var tap = NoTap()
      frame.embed(values(index).span, workspace, &tap)
      return workspace.residual
    }
    for block in 0..<configuration.depth {
      let reference = frame.having(PackedBlock(blocks[block]))
      _ = concurrentMap(count: count, threads: threads) { () throws(Never) in
        FloatWorkspace(configuration)
      } body: { (workspace, index) throws(Never) in
        workspace.residual = residuals[index]
        var tap = NoTap()
        reference.runBlock(block, workspace, &tap)
      }
    }
    let pooling = blocks.count > configuration.depth ? blocks.last : nil
    let end = pooling.map { frame.having(PackedBlock($0)) } ?? frame
    return concurrentMap(count: count, threads: threads) { () throws(Never) in
      FloatWorkspace(configuration)
    } body: { (workspace, index) throws(Never) in
      workspace.residual = residuals[index]
      var tap = NoTap()
      return end.readOut(workspace, [], &tap)
    }
  }
}
