#if !hasFeature(Embedded)
  import LibC

  extension FileError {
    /// What failed, with the text of the current `errno`.
    package init(failed action: String, path: String) {
      let code = errno
      var text = "error \(code)"
      if let reason = unsafe strerror(code) { text = unsafe String(cString: reason) }
      self.init(message: "cannot \(action): \(text)", path: path)
    }
  }
#endif
