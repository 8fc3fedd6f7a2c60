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
      let source = unsafe WeightSource(
        copy: { part, target in unsafe file.copy(part, to: target) }, expect: { part in unsafe file.expect(part) },
        release: { file.releasePages() }, isShortened: { file.isShortened })
      try unsafe self.init(ModelBytes(file.unsafeBytes, keptBy: file, source: source))
      if file.isShortened { throw .file(MappedFileGuard.error(path: file.path)) }
    }
  }
#endif
