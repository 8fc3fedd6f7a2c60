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

/// Fills the caller's array from a result.
///
/// - Parameters:
///   - name: what the elements are, as errors name them.
///   - expected: how many elements the result gives.
private func fill<Element>(
  _ target: UnsafeMutablePointer<Element>?, _ name: StaticString, count: Int, from handle: OpaquePointer?,
  _ error: UnsafeMutablePointer<vitquant_error>?, expected: (ResultView) throws(Failure) -> Int,
  _ body: (ResultView, inout MutableSpan<Element>) -> Void
) -> vitquant_status {
  unsafe report(to: error) { () throws(Failure) in
    let result = try unsafe result(of: handle)
    let target = try unsafe array(target, name, count: count, expected: expected(result))
    var span = unsafe target.mutableSpan
    body(result, &span)
  }
}

@_cdecl("vitquant_session_logits")
public func sessionLogits(
  handle: OpaquePointer?, target: UnsafeMutablePointer<Int32>?, count: Int, scale: UnsafeMutablePointer<Float>?,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe fill(target, "logits", count: count, from: handle, error) { (result) throws(Failure) in
    try logits(of: result).columns
  } _: { result, target in
    for index in target.indices { target[index] = result.logits?[0, index] ?? 0 }
    if let scale = unsafe scale { unsafe scale.pointee = result.logitScale }
  }
}

@_cdecl("vitquant_session_float_logits")
public func sessionFloatLogits(
  handle: OpaquePointer?, target: UnsafeMutablePointer<Float>?, count: Int,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe fill(target, "logits", count: count, from: handle, error) { (result) throws(Failure) in
    try logits(of: result).columns
  } _: { result, target in
    for index in target.indices { target[index] = Float(result.logits?[0, index] ?? 0) * result.logitScale }
  }
}

@_cdecl("vitquant_session_probabilities")
public func sessionProbabilities(
  handle: OpaquePointer?, target: UnsafeMutablePointer<Float>?, count: Int,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe fill(target, "probabilities", count: count, from: handle, error) { (result) throws(Failure) in
    try logits(of: result).columns
  } _: { result, target in
    result.writeProbabilities(to: &target)
  }
}

@_cdecl("vitquant_session_embedding")
public func sessionEmbedding(
  handle: OpaquePointer?, target: UnsafeMutablePointer<Float>?, count: Int,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe fill(target, "numbers of the embedding", count: count, from: handle, error) { (result) throws(Failure) in
    try requireTokens(result, "embedding")
    return result.embedding?.columns ?? 0
  } _: { result, target in
    result.writeEmbedding(to: &target)
  }
}

@_cdecl("vitquant_session_tokens")
public func sessionTokens(
  handle: OpaquePointer?, target: UnsafeMutablePointer<Float>?, count: Int,
  error: UnsafeMutablePointer<vitquant_error>?
) -> vitquant_status {
  unsafe fill(target, "numbers of the tokens", count: count, from: handle, error) { (result) throws(Failure) in
    try requireTokens(result, "tokens")
    return result.finalTokens.rows * result.finalTokens.columns
  } _: { result, target in
    let tokens = result.finalTokens
    for index in target.indices {
      target[index] = Float(tokens[index / tokens.columns, index % tokens.columns]) * result.finalTokenScale
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
