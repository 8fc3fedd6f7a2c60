#if !hasFeature(Embedded)
  import LibC

  extension FileError {
    /// What failed, with the text of the current `errno`.
    package init(failed action: String, path: String) {
      self.init(failed: action, code: errno, path: path)
    }

    /// What failed, with the text of an error number.
    package init(failed action: String, code: Int32, path: String) {
      var text = "error \(code)"
      if let reason = unsafe strerror(code) { text = unsafe String(cString: reason) }
      self.init(message: "cannot \(action): \(text)", path: path)
    }
  }
#endif
