#if !hasFeature(Embedded)
  import LibC

  extension FileError {
    /// What failed, with the text of the current `errno`.
    package init(failed action: String, path: String, expected: String = "a file that can be read") {
      self.init(failed: action, code: errno, path: path, expected: expected)
    }

    /// What failed, with the text of an error number.
    package init(failed action: String, code: Int32, path: String, expected: String = "a file that can be read") {
      var text = "error \(code)"
      if let reason = unsafe strerror(code) { text = unsafe String(cString: reason) }
      self.init(message: "cannot \(action): \(text)", path: path, expected: expected)
    }

    /// What failed about an output, with the text of the current `errno`.
    package init(failedToWrite action: String, path: String) {
      self.init(failedToWrite: action, code: errno, path: path)
    }

    package init(failedToWrite action: String, code: Int32, path: String) {
      self.init(failed: action, code: code, path: path, expected: "a place that can be written")
    }
  }
#endif
