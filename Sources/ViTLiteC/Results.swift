import CVitQuant
import Int8Kernels
import ViTLite

// What the functions do is said in vitquant.h.

/// The result of a session's last run.
private func result(of handle: OpaquePointer?) throws(Failure) -> ResultView {
  let found = try unsafe session(of: handle)
  guard found.hasResult else { throw Failure(VITQUANT_ERROR_NO_RESULT, "no result yet, expected a run before") }
  return found.session.result
}

/// The logits of a result.
private func logits(of result: ResultView) throws(Failure) -> Matrix<Int32> {
  guard let logits = result.logits else {
    throw Failure(VITQUANT_ERROR_NO_RESULT, "no logits, expected a model with a head")
  }
  return logits
}

/// Refuses models with a head, which compute no tokens after the final norm.
private func requireTokens(_ result: ResultView, _ name: StaticString) throws(Failure) {
  guard result.logits == nil else {
    throw Failure(VITQUANT_ERROR_NO_RESULT, "no \(name), expected a model without a head")
  }
}

@_cdecl("vitquant_session_logits")
public func sessionLogits(
  handle: OpaquePointer?, target: UnsafeMutablePointer<Int32>?, count: Int, scale: UnsafeMutablePointer<Float>?,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let result = try unsafe result(of: handle)
    let logits = try logits(of: result)
    let target = try unsafe array(target, "logits", count: count, expected: logits.columns)
    for index in 0..<count { unsafe target[index] = logits[0, index] }
    if let scale = unsafe scale { unsafe scale.pointee = result.logitScale }
  }
}

@_cdecl("vitquant_session_float_logits")
public func sessionFloatLogits(
  handle: OpaquePointer?, target: UnsafeMutablePointer<Float>?, count: Int,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let result = try unsafe result(of: handle)
    let logits = try logits(of: result)
    let target = try unsafe array(target, "logits", count: count, expected: logits.columns)
    let scale = result.logitScale
    for index in 0..<count { unsafe target[index] = Float(logits[0, index]) * scale }
  }
}

@_cdecl("vitquant_session_probabilities")
public func sessionProbabilities(
  handle: OpaquePointer?, target: UnsafeMutablePointer<Float>?, count: Int,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let result = try unsafe result(of: handle)
    let classes = try logits(of: result).columns
    let target = try unsafe array(target, "probabilities", count: count, expected: classes)
    var span = unsafe target.mutableSpan
    result.writeProbabilities(to: &span)
  }
}

@_cdecl("vitquant_session_embedding")
public func sessionEmbedding(
  handle: OpaquePointer?, target: UnsafeMutablePointer<Float>?, count: Int,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let result = try unsafe result(of: handle)
    try requireTokens(result, "embedding")
    let target = try unsafe array(
      target, "numbers of the embedding", count: count, expected: result.finalTokens.columns)
    var span = unsafe target.mutableSpan
    result.writeEmbedding(to: &span)
  }
}

@_cdecl("vitquant_session_tokens")
public func sessionTokens(
  handle: OpaquePointer?, target: UnsafeMutablePointer<Float>?, count: Int,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let result = try unsafe result(of: handle)
    try requireTokens(result, "tokens")
    let tokens = result.finalTokens
    let target = try unsafe array(
      target, "numbers of the tokens", count: count, expected: tokens.rows * tokens.columns)
    let scale = result.finalTokenScale
    for row in 0..<tokens.rows {
      for column in 0..<tokens.columns {
        unsafe target[row * tokens.columns + column] = Float(tokens[row, column]) * scale
      }
    }
  }
}

@_cdecl("vitquant_session_crc32")
public func sessionCRC32(
  handle: OpaquePointer?, crc: UnsafeMutablePointer<UInt32>?, error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let target = try unsafe required(crc, "crc")
    unsafe target.pointee = try result(of: handle).crc32
  }
}
