#if !hasFeature(Embedded)
  extension IntegerModel {
    /// Maps a model file; nothing is copied.
    package convenience init(path: String) throws(IntegerModelError) {
      let mapped: MappedFile
      do throws(FileError) { mapped = try MappedFile(path: path) } catch { throw .file(error) }
      try unsafe self.init(ModelBytes(mapped.unsafeBytes, keptBy: mapped))
    }
  }
#endif
