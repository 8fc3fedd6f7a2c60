/// Families of models that this package does not run, and what they have that it lacks.
enum RefusedFamily {
  private static let relative = "BEiT's relative positions"
  private static let windows = "attention within windows"
  private static let anySize = "NaFlex, patches of images of any size"
  private static let convolutions = "a convolutional network"
  private static let hybrid = "convolutions and attention"
  private static let pyramid = "tokens whose number falls from stage to stage"
  private static let mixer = "blocks without attention"
  private static let otherAttention = "another kind of attention"

  /// `model_type` of transformers.
  private static let modelTypes = [
    "beit": relative, "data2vec-vision": relative, "swin": "Swin's windows", "swinv2": "Swin's windows",
    "swin2sr": "Swin's windows", "donut-swin": "Swin's windows", "maskformer-swin": "Swin's windows",
    "vitdet": windows, "sam": windows, "sam_vision_model": windows, "hiera": windows, "siglip2": anySize,
    "siglip2_vision_model": anySize, "vit_hybrid": "patches made by a ResNet", "resnet": convolutions,
    "bit": convolutions, "convnext": convolutions, "convnextv2": convolutions, "regnet": convolutions,
    "efficientnet": convolutions, "mobilenet_v1": convolutions, "mobilenet_v2": convolutions, "van": convolutions,
    "cvt": hybrid, "levit": hybrid, "mobilevit": hybrid, "mobilevitv2": hybrid, "swiftformer": hybrid,
    "efficientformer": hybrid, "poolformer": mixer, "focalnet": mixer, "pvt": pyramid, "pvt_v2": pyramid,
    "segformer": pyramid, "nat": "attention to neighbours", "dinat": "attention to neighbours",
    "yolos": "tokens that detect objects",
  ]

  /// The beginnings of timm's names of architectures.
  private static let architectures: [(variant: String, beginnings: String)] = [
    (relative, "beit_ beitv2_"), ("relative positions", "vit_relpos_ vit_srelpos_ test_vit_relpos"),
    ("Swin's windows", "swin"), (windows, "samvit_ hiera sam2_hiera"), (anySize, "naflexvit_"),
    (
      hybrid,
      """
      coat_ coatnet coatnext convit_ crossvit_ cpubone edgenext efficientformer efficientvit fastvit iformer levit_
      lowformer maxvit maxxvit mobilevit nextvit repvit shvit_ swiftformer tiny_vit_ visformer vitamin_ caformer
      bat_resnext botnet sebotnet halonet halo2botnet sehalonet haloregnet lambda_resnet lamhalobotnet eca_botnext
      eca_halonext gcvit test_maxvit test_coatnet
      """
    ),
    (pyramid, "mvitv2_ nest_ jx_nest_ pit_ pvt_v2_ twins_ davit_"),
    (
      mixer,
      """
      mixer_ gmixer_ gmlp_ resmlp_ convmixer convformer poolformer focalnet sequencer2d mambaout test_mambaout
      efficientvim inception_next
      """
    ),
    (otherAttention, "cait_ volo_ xcit_ tnt_ gemma4_vit qwen3_vit deepseek_vit"),
    (
      convolutions,
      """
      convnext resnet resnext res2net res2next resnest regnet resnetv2 wide_resnet seresnet seresnext seresnextaa senet
      legacy_ ecaresnet ecaresnext eca_resnet eca_resnext eca_vovnet ese_vovnet vovnet gcresnet gcresnext skresnet
      skresnext tresnet nf_ nfnet dm_nfnet eca_nfnet test_resnet test_nfnet test_convnext test_byobnet
      test_efficientnet efficientnet tf_efficientnet gc_efficientnet cs3 csp darknet sedarknet mobilenet tf_mobilenet
      mnasnet semnasnet spnasnet fbnet tf_mixnet mixnet mobileone hardcorenas tinynet lcnet ghostnet repghostnet hgnet
      hrnet densenet tv_densenet dla dpn vgg repvgg inception tf_inception gluon_ adv_inception ens_adv_inception
      nasnet pnasnet xception rexnet selecsls fasternet starnet rdnet csatv2 gernet tv_resnet tv_resnext ssl_ swsl_ ig_
      """
    ),
  ]

  /// What a `model_type` that is not run has; nil for one that nothing is known of.
  static func variant(ofModelType name: String) -> String? { modelTypes[name] }

  /// What an architecture of timm that is not run has; nil for one that nothing is known of.
  static func variant(ofArchitecture name: String) -> String? {
    if name.contains("_relpos_") { return "relative positions" }
    if isHybrid(name) { return "patches made by a ResNet" }
    return architectures.first { row in
      row.beginnings.split { $0 == " " || $0 == "\n" }.contains { name.hasPrefix($0) }
    }?.variant
  }

  /// `vit_base_r50_s16_224`, `vit_tiny_r_s16_p8_224`, `vit_base_resnet50_384`: timm's `vision_transformer_hybrid.py`.
  private static func isHybrid(_ name: String) -> Bool {
    guard name.hasPrefix("vit_") else { return false }
    return name.split(separator: "_").contains { part in
      let isNumbered = part.first == "r" && part.dropFirst().allSatisfy(\.isNumber)
      return isNumbered || part.hasPrefix("resnet") || part.hasPrefix("mci")
    }
  }
}
