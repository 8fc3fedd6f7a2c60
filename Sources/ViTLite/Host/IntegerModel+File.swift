#if !hasFeature(Embedded)
  extension IntegerModel {
    /// Maps a model file; nothing is copied.
    public convenience init(path: String) throws(IntegerModelError) {
      let mapped: MappedFile
      do throws(FileError) { mapped = try MappedFile(path: path) } catch { throw .file(error) }
      try self.init(mapping: mapped)
    }

    /// A model from a file that is mapped already.
    package convenience init(mapping file: MappedFile) throws(IntegerModelError) {
      let memory = unsafe WeightMemory(prepare: { part in unsafe file.prepare(part) }, release: { file.releasePages() })
      try unsafe self.init(ModelBytes(file.unsafeBytes, keptBy: file, memory: memory))
    }
  }
#endif
