import Testing

@testable import Quant

@Suite("Families that are refused")
struct RefusedFamilyTests {
  /// One of each of timm 1.0.31's files but `vision_transformer.py`, `deit.py` and `eva.py`.
  @Test(
    "Architectures of timm that are no plain Vision Transformers are named as what they are",
    arguments: [
      "beit_base_patch16_224", "beitv2_large_patch16_224", "botnet26t_256", "eca_resnet33ts", "cait_xxs24_224",
      "coat_tiny", "convit_base", "convmixer_768_32", "convnext_tiny", "convnextv2_base", "cpubone_b0_bfrobust",
      "crossvit_15_240", "csatv2", "cs3darknet_l", "cspnext_m", "davit_base", "deepseek_vit_412m", "densenet121",
      "dla34", "dpn92", "edgenext_small", "efficientformer_l1", "efficientformerv2_s0", "efficientnet_b0",
      "tf_efficientnetv2_s", "efficientvim_m1", "efficientvit_b0", "efficientvit_m0", "fasternet_s", "fastvit_t8",
      "focalnet_tiny_srf", "gcvit_tiny", "gemma4_vit_167m", "ghostnetv2_100", "hardcorenas_a", "hgnetv2_b0",
      "hiera_base_224", "sam2_hiera_tiny", "hrnet_w18", "iformer_s", "inception_next_tiny", "inception_resnet_v2",
      "inception_v3", "inception_v4", "lcnetv2_base", "levit_128", "lowformer_b0", "mambaout_tiny",
      "maxvit_tiny_tf_224", "coatnet_0_224", "caformer_s18", "poolformer_s12", "mixer_b16_224", "resmlp_12_224",
      "mobilenetv3_large_100", "mobilenetv5_base", "mobilevit_s", "mvitv2_tiny", "naflexvit_base_patch16_gap",
      "nasnetalarge", "nest_tiny", "nextvit_small", "nfnet_f0", "pit_b_224", "pnasnet5large", "pvt_v2_b0",
      "qwen3_vit_306m", "rdnet_tiny", "regnetx_002", "repghostnet_100", "repvit_m1", "res2net50d", "resnest50d",
      "resnet50", "wide_resnet50_2", "resnetv2_50", "rexnet_100", "selecsls42b", "legacy_senet154", "sequencer2d_s",
      "shvit_s1", "skresnet18", "starnet_s1", "swiftformer_s", "swin_tiny_patch4_window7_224",
      "swinv2_tiny_window8_256", "swinv2_cr_tiny_224", "tiny_vit_5m_224", "tnt_s_patch16_224", "tresnet_m",
      "twins_svt_small", "vgg16", "visformer_tiny", "vit_base_r50_s16_224", "vit_tiny_r_s16_p8_224",
      "vit_base_mci_224", "vit_relpos_base_patch16_224", "vit_srelpos_small_patch16_224", "samvit_base_patch16",
      "vitamin_base_224", "volo_d1_224", "vovnet39a", "ese_vovnet19b_dw", "legacy_xception", "xception41",
      "xcit_tiny_12_p8_224",
    ])
  func refused(_ name: String) {
    #expect(RefusedFamily.variant(ofArchitecture: name) != nil)
    let error = #expect(throws: ConfigurationError.self) {
      try CheckpointConfiguration(
        ConfigurationFile(json: ["architecture": .string(name)], path: "config.json")
      ) { _ in nil }
    }
    #expect(error?.description.contains("\"\(name)\" (") == true, "\(String(describing: error))")
  }

  @Test(
    "No architecture that runs is taken for one of them",
    arguments: [
      "vit_base_patch16_224", "vit_small_patch16_36x1_224", "flexivit_base", "deit3_base_patch16_224",
      "deit_tiny_distilled_patch16_224", "eva02_base_patch14_224", "vit_base_patch16_dinov3", "eva_large_patch14_196",
      "vit_medium_patch16_rope_reg1_gap_256", "vit_base_patch16_224_miil", "vit_so150m_patch16_reg4_gap_256",
      "vit_large_patch16_radio_v3", "vit_base_patch16_rpn_224", "vit_base_patch16_xp_224",
    ])
  func accepted(_ name: String) {
    #expect(RefusedFamily.variant(ofArchitecture: name) == nil)
  }
}
