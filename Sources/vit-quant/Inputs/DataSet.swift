import Int8Kernels
import Quant
import ViTLite

/// Images and their classes, listed but not read.
struct DataSet: Sendable {
  private(set) var items: [InputItem]
  /// One for each item; nil when the classes are not known, or when the model has none.
  private(set) var labels: [Int]?
  /// What was found beside the images.
  private(set) var leftOut = LeftOutFiles()

  var count: Int { items.count }

  /// Lists a folder of images, with labels from its `labels.csv` or from class folders, or a `.safetensors` file.
  init(path: String, configuration: ModelConfiguration) throws(CommandError) {
    try self.init(path: path, classes: ClassNames(configuration))
  }

  init(path: String, classes: ClassNames) throws(CommandError) {
    switch FileKind(of: path) {
    case nil: throw .input("no such file, \(path), expected a folder of images or a .safetensors file")
    case .folder: (items, labels) = try Self.list(folder: path, classes, &leftOut)
    case .file, .other:
      try Self.checkSamples(path)
      let tensors = try InputItem.tensors(path: path)
      (items, labels) = (InputItem.items(of: tensors), tensors.labels)
    }
    guard !items.isEmpty else { throw InputItem.noImages(in: path, leftOut) }
    if classes.count == 0 { labels = nil }
    for (item, label) in zip(items, labels ?? []) where !(0..<classes.count).contains(label) {
      throw .input(SampleError.label(found: label, sample: item.name, classes: classes.count).description)
    }
  }

  /// Keeps `count` items, chosen by the seed.
  mutating func choose(_ count: Int?, seed: UInt64) {
    guard let count, count < items.count else { return }
    let indices = SampleSet.choose(count, of: items.count, seed: seed)
    items = indices.map { items[$0] }
    labels = labels.map { labels in indices.map { labels[$0] } }
  }

  /// Takes out images that cannot be read; each is read and let go.
  mutating func removeBad(with reader: SampleReader) throws(CommandError) {
    var bad = BadImages(total: items.count)
    var good: [Int] = []
    for index in items.indices {
      switch try reader.read(items, index, skippingBad: true) {
      case .failure(let error): bad.add(error)
      case .success: good.append(index)
      }
    }
    try bad.finish()
    keep(good)
  }

  private mutating func keep(_ good: [Int]) {
    labels = labels.map { labels in good.map { labels[$0] } }
    items = good.map { items[$0] }
  }

  /// Reads everything into memory.
  /// - Parameter skippingBad: whether images that cannot be read are taken out of this set, rather than an error.
  mutating func load(
    with reader: SampleReader, skippingBad: Bool = false, progress: (Int, Int) -> Void
  ) throws(CommandError) -> SampleSet {
    var set: SampleSet?
    var bad = BadImages(total: items.count)
    var good: [Int] = []
    for (index, item) in items.enumerated() {
      switch try reader.read(items, index, skippingBad: skippingBad) {
      case .failure(let error): bad.add(error)
      case .success(let sample):
        var current = set ?? reader.emptySet(like: sample, labelled: labels != nil)
        // Not in two places while it grows.
        set = nil
        guard current.append(sample, label: labels?[index], name: item.name) else {
          throw .input("values beside pixels, \(item.name), expected samples of one kind")
        }
        set = current
        good.append(index)
      }
      progress(index + 1, items.count)
    }
    try bad.finish()
    guard let set else { throw .input("no images, expected at least one") }
    if good.count < items.count { keep(good) }
    return set
  }
}

extension DataSet {
  /// Refuses a file that holds no samples, with what it is.
  private static func checkSamples(_ path: String) throws(CommandError) {
    _ = try ModelFile.mapped(path)
    let format = FileFormat(path: path)
    guard format?.kind != .safetensors, format != nil || !path.lowercased().hasSuffix(".safetensors") else { return }
    throw .input(
      "\(format?.name ?? "one file"), \(path), expected a folder of images, or a .safetensors file with \"images\" or "
        + "\"pixel_values\"")
  }

  private static func list(
    folder path: String, _ classes: ClassNames, _ leftOut: inout LeftOutFiles
  ) throws(CommandError) -> (items: [InputItem], labels: [Int]?) {
    let labelFile = Folder.join(path, Folder.labelFile)
    if FileKind(of: labelFile) != nil {
      let listed = try list(LabelFile(path: labelFile), folder: path, classes)
      try countUnlisted(listed.items, folder: path, &leftOut)
      return listed
    }
    let folder = try Folder(path)
    if folder.folders.isEmpty || classes.count == 0 {
      let (paths, others) = try Folder.images(under: path)
      leftOut.merge(others)
      return (paths.map { .file(path: $0) }, nil)
    }
    leftOut.merge(folder.leftOut)
    guard folder.images.isEmpty else {
      throw .input(
        "images beside class folders, \(path), expected all images in class folders, or a labels.csv, or no folders")
    }
    return try list(classFolders: folder, classes, &leftOut)
  }

  private static func list(
    _ labelFile: LabelFile, folder: String, _ classes: ClassNames
  ) throws(CommandError) -> (items: [InputItem], labels: [Int]?) {
    var items: [InputItem] = []
    var labels: [Int] = []
    for row in labelFile.rows {
      let path = Folder.join(folder, row.file)
      guard FileKind(of: path) == .file else {
        throw .input("no such file \(path), line \(row.line) of \(labelFile.path), expected a path within the folder")
      }
      items.append(.file(path: path))
      if classes.count == 0 { continue }
      guard let label = Int(row.label) ?? classes.index(named: row.label), (0..<classes.count).contains(label) else {
        throw .input(
          "label \"\(row.label)\", line \(row.line) of \(labelFile.path), "
            + "expected a class from 0 to \(classes.count - 1) or its name")
      }
      labels.append(label)
    }
    return (items, labels)
  }

  /// What the folder holds beside the images of its `labels.csv`.
  private static func countUnlisted(
    _ items: [InputItem], folder path: String, _ leftOut: inout LeftOutFiles
  ) throws(CommandError) {
    let (paths, others) = try Folder.images(under: path)
    leftOut.merge(others)
    var known: Set<FileIdentity> = []
    for item in items { if let identity = FileIdentity(path: item.name) { known.insert(identity) } }
    leftOut.addUnlisted(paths.count { path in FileIdentity(path: path).map { !known.contains($0) } ?? false })
  }

  /// Class folders by the names of the model's classes; by number when all names are numbers; otherwise in the order of
  /// the names' bytes, as torchvision's `ImageFolder` numbers them, when there are as many folders as classes.
  private static func list(
    classFolders folder: Folder, _ classes: ClassNames, _ leftOut: inout LeftOutFiles
  ) throws(CommandError) -> (items: [InputItem], labels: [Int]?) {
    let names = folder.folders
    var indices: [Int] = []
    let byName = names.map { classes.index(named: $0) }
    let byNumber = names.map { Int($0) }
    if byName.contains(where: { $0 != nil }) {
      for (name, index) in zip(names, byName) {
        guard let index else {
          throw .input(
            "folder \"\(name)\" is no class of the model, \(folder.path), expected names such as \"\(classes[0])\"")
        }
        indices.append(index)
      }
    } else if !byNumber.contains(nil) {
      indices = byNumber.compactMap { $0 }
    } else {
      guard names.count == classes.count else {
        throw .input(
          "\(names.count) class folders, \(folder.path), "
            + "expected the names of the model's classes, or one folder for each of the \(classes.count)")
      }
      let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      indices = names.compactMap { sorted.firstIndex(of: $0) }
    }
    var items: [InputItem] = []
    var labels: [Int] = []
    for (name, index) in zip(names, indices) {
      let (paths, others) = try Folder.images(under: Folder.join(folder.path, name))
      leftOut.merge(others)
      items += paths.map { .file(path: $0) }
      labels += paths.map { _ in index }
    }
    return (items, labels)
  }
}
