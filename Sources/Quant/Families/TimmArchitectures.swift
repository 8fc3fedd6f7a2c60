/// What timm's names of architectures stand for: of the arguments in `vision_transformer.py`, `deit.py` and `eva.py` of
/// timm 1.0.31, those that tensors do not tell.
enum TimmArchitectures {
  /// The arguments of an architecture; nil for a name that timm 1.0.31 does not have in these files.
  ///
  /// - Parameter name: with or without a tag after a dot.
  static func arguments(of name: String) -> [JSON.Member]? {
    let name = name.split(separator: ".").first ?? ""
    var arguments: [JSON.Member] = []
    var isNew = true
    for line in table.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.first == "-" else {
        if words.contains(name) { return arguments }
        isNew = true
        continue
      }
      if isNew { arguments = [] }
      isNew = false
      for word in words.dropFirst() {
        let parts = word.split(separator: "=", maxSplits: 1)
        let text = parts.last ?? ""
        let value = (try? JSON(parsing: Array(text.utf8))) ?? .string(String(text))
        arguments.append(JSON.Member(key: String(parts[0]), value: value))
      }
    }
    return nil
  }

  /// Lines of arguments, and below them the architectures that have them. `norm_eps` is that of `norm_layer`. Where
  /// `act_layer` is not there it is GELU, or SiLU in `Eva`'s gated MLPs; where `class` is not there it is
  /// VisionTransformer.
  private static let table = """
    - num_heads=3
      vit_tiny_patch16_224 vit_tiny_patch16_384 deit_tiny_patch16_224 deit_tiny_distilled_patch16_224
    - num_heads=6
      vit_small_patch32_224 vit_small_patch32_384 vit_small_patch16_224 vit_small_patch16_384 vit_small_patch8_224
      vit_small_patch16_36x1_224 flexivit_small vit_small_patch14_dinov2 vit_small_patch14_reg4_dinov2
      deit_small_patch16_224 deit_small_distilled_patch16_224 deit3_small_patch16_224 deit3_small_patch16_384
    - num_heads=12
      vit_base_patch32_224 vit_base_patch32_384 vit_base_patch16_224 vit_base_patch16_384 vit_base_patch8_224
      vit_base_patch16_224_miil flexivit_base vit_base_patch14_dinov2 vit_base_patch14_reg4_dinov2
      vit_base_patch14_reg1_tipsv2 vit_base_patch16_radio_v3 deit_base_patch16_224 deit_base_patch16_384
      deit_base_distilled_patch16_224 deit_base_distilled_patch16_384 deit3_base_patch16_224 deit3_base_patch16_384
    - num_heads=16
      vit_large_patch32_224 vit_large_patch32_384 vit_large_patch16_224 vit_large_patch16_384 vit_large_patch14_224
      vit_huge_patch14_224 vit_giant_patch14_224 vit_gigantic_patch14_224 flexivit_large vit_large_patch14_dinov2
      vit_large_patch14_reg4_dinov2 vit_large_patch14_reg1_tipsv2 vit_so400m_patch14_reg1_tipsv2
      vit_intern300m_patch14_448 vit_large_patch16_radio_v3 vit_huge_patch16_radio_v3 vit_so400m_patch16_radio_v4
      vit_huge_patch16_radio_v4 deit3_large_patch16_224 deit3_large_patch16_384 deit3_huge_patch14_224
    - num_heads=8 global_pool=avg
      vit_medium_patch16_gap_240 vit_medium_patch16_gap_256 vit_medium_patch16_gap_384 vit_medium_patch16_reg1_gap_256
      vit_medium_patch16_reg4_gap_256 vit_mediumd_patch16_reg4_gap_256 vit_mediumd_patch16_reg4_gap_384
    - num_heads=10 global_pool=avg
      vit_betwixt_patch16_gap_256 vit_betwixt_patch16_reg1_gap_256 vit_betwixt_patch16_reg4_gap_256
      vit_betwixt_patch16_reg4_gap_384
    - num_heads=16 global_pool=avg
      vit_base_patch16_gap_224 vit_huge_patch14_gap_224 vit_huge_patch16_gap_448 vit_giant_patch16_gap_224
      eva_large_patch14_196 eva_large_patch14_336 vit_large_patch16_siglip_gap_256 vit_large_patch16_siglip_gap_384
      vit_so400m_patch14_siglip_gap_224 vit_so400m_patch14_siglip_gap_378 vit_so400m_patch14_siglip_gap_384
      vit_so400m_patch14_siglip_gap_448 vit_so400m_patch14_siglip_gap_896
    - num_heads=4 norm_eps=1e-5
      vit_xsmall_patch16_clip_224
    - num_heads=8 norm_eps=1e-5
      vit_medium_patch32_clip_224 vit_medium_patch16_clip_224
    - num_heads=10 norm_eps=1e-5
      vit_betwixt_patch32_clip_224
    - num_heads=12 norm_eps=1e-5
      vit_base_patch32_clip_224 vit_base_patch32_clip_256 vit_base_patch32_clip_384 vit_base_patch32_clip_448
      vit_base_patch16_clip_224 vit_base_patch16_clip_384
    - num_heads=14 norm_eps=1e-5
      vit_base_patch16_plus_clip_240
    - num_heads=16 norm_eps=1e-5
      vit_large_patch14_clip_224 vit_large_patch14_clip_336 vit_huge_patch14_clip_224 vit_huge_patch14_clip_336
      vit_huge_patch14_clip_378 vit_giant_patch14_clip_224 vit_gigantic_patch14_clip_224 vit_gigantic_patch14_clip_378
    - num_heads=12 act_layer=quick_gelu norm_eps=1e-5
      vit_base_patch32_clip_quickgelu_224 vit_base_patch16_clip_quickgelu_224
    - num_heads=16 act_layer=quick_gelu norm_eps=1e-5
      vit_large_patch14_clip_quickgelu_224 vit_large_patch14_clip_quickgelu_336 vit_huge_patch14_clip_quickgelu_224
      vit_huge_patch14_clip_quickgelu_378 vit_gigantic_patch14_clip_quickgelu_224
    - num_heads=14
      vit_base_patch32_plus_256 vit_base_patch16_plus_240
    - num_heads=12 global_pool=avg block_fn=ResPostBlock
      vit_base_patch16_rpn_224
    - num_heads=6 block_fn=ParallelThingsBlock
      vit_small_patch16_18x2_224
    - num_heads=12 block_fn=ParallelThingsBlock
      vit_base_patch16_18x2_224
    - num_heads=12 block_fn=ParallelScalingBlock norm_layer=rmsnorm
      vit_base_patch16_xp_224
    - num_heads=16 block_fn=ParallelScalingBlock norm_layer=rmsnorm
      vit_large_patch14_xp_224 vit_huge_patch14_xp_224
    - num_heads=24 act_layer=silu
      vit_giant_patch14_dinov2 vit_giant_patch14_reg4_dinov2 vit_giant_patch14_reg1_tipsv2
    - num_heads=12 global_pool=map act_layer=gelu_tanh
      vit_base_patch32_siglip_256
    - num_heads=12 global_pool=map
      vit_base_patch16_siglip_224 vit_base_patch16_siglip_256 vit_base_patch16_siglip_384 vit_base_patch16_siglip_512
    - num_heads=16 global_pool=map
      vit_large_patch16_siglip_256 vit_large_patch16_siglip_384 vit_so400m_patch14_siglip_224
      vit_so400m_patch14_siglip_378 vit_so400m_patch14_siglip_384
    - num_heads=16 global_pool=map act_layer=gelu_tanh
      vit_large_patch16_siglip_512 vit_so400m_patch16_siglip_256 vit_so400m_patch16_siglip_384
      vit_so400m_patch16_siglip_512 vit_giantopt_patch16_siglip_256 vit_giantopt_patch16_siglip_384
    - num_heads=12 global_pool=avg act_layer=gelu_tanh
      vit_base_patch32_siglip_gap_256
    - num_heads=12 global_pool=avg
      vit_base_patch16_siglip_gap_224 vit_base_patch16_siglip_gap_256 vit_base_patch16_siglip_gap_384
      vit_base_patch16_siglip_gap_512 vit_base_patch16_reg4_gap_256
    - num_heads=16 global_pool=avg act_layer=gelu_tanh
      vit_large_patch16_siglip_gap_512 vit_so400m_patch16_siglip_gap_256 vit_so400m_patch16_siglip_gap_384
      vit_so400m_patch16_siglip_gap_512 vit_giantopt_patch16_siglip_gap_256 vit_giantopt_patch16_siglip_gap_384
    - num_heads=4 global_pool=avg
      vit_wee_patch16_reg1_gap_256
    - num_heads=4 global_pool=avg attn_layer=diff
      vit_dwee_patch16_reg1_gap_256
    - num_heads=4 global_pool=avg block_fn=ParallelScalingBlock
      vit_pwee_patch16_reg1_gap_256
    - num_heads=4 global_pool=avg block_fn=DiffParallelScalingBlock
      vit_dpwee_patch16_reg1_gap_256
    - num_heads=5 global_pool=avg
      vit_little_patch16_reg1_gap_256 vit_little_patch16_reg4_gap_256
    - num_heads=5 global_pool=avg attn_layer=diff
      vit_dlittle_patch16_reg1_gap_256
    - num_heads=14 global_pool=map
      vit_so150m_patch16_reg4_map_256
    - num_heads=14 global_pool=avg
      vit_so150m_patch16_reg4_gap_256 vit_so150m_patch16_reg4_gap_384
    - num_heads=13 global_pool=avg
      vit_so150m2_patch16_reg1_gap_256 vit_so150m2_patch16_reg1_gap_384 vit_so150m2_patch16_reg1_gap_448
    - num_heads=8 global_pool=avg embed_norm_layer=rmsnorm act_layer=silu norm_layer=rmsnorm norm_eps=1e-5
      aimv2_large_patch14_224 aimv2_large_patch14_336 aimv2_large_patch14_448
    - num_heads=12 global_pool=avg embed_norm_layer=rmsnorm act_layer=silu norm_layer=rmsnorm norm_eps=1e-5
      aimv2_huge_patch14_224 aimv2_huge_patch14_336 aimv2_huge_patch14_448
    - num_heads=16 global_pool=avg embed_norm_layer=rmsnorm act_layer=silu norm_layer=rmsnorm norm_eps=1e-5
      aimv2_1b_patch14_224 aimv2_1b_patch14_336 aimv2_1b_patch14_448
    - num_heads=24 global_pool=avg embed_norm_layer=rmsnorm act_layer=silu norm_layer=rmsnorm norm_eps=1e-5
      aimv2_3b_patch14_224 aimv2_3b_patch14_336 aimv2_3b_patch14_448
    - num_heads=2
      test_vit
    - num_heads=2 global_pool=avg
      test_vit2
    - num_heads=3 global_pool=map pool_include_prefix=true
      test_vit3
    - num_heads=3 global_pool=avg norm_layer=rmsnorm
      test_vit4
    - num_heads=12 global_pool=avg norm_eps=1e-5
      beit3_base_patch16_224
    - num_heads=16 global_pool=avg norm_eps=1e-5
      beit3_large_patch16_224 beit3_giant_patch14_224 beit3_giant_patch14_336
    - num_heads=24
      vit_giant_patch16_radio_v3
    - class=Eva num_heads=16
      eva_giant_patch14_224 eva_giant_patch14_336 eva_giant_patch14_560
    - class=Eva num_heads=3 use_rot_pos_emb=true ref_feat_shape=[16,16]
      eva02_tiny_patch14_224 eva02_tiny_patch14_336
    - class=Eva num_heads=6 use_rot_pos_emb=true ref_feat_shape=[16,16]
      eva02_small_patch14_224 eva02_small_patch14_336
    - class=Eva num_heads=12 use_rot_pos_emb=true ref_feat_shape=[16,16]
      eva02_base_patch14_224 eva02_base_patch14_448
    - class=Eva num_heads=16 use_rot_pos_emb=true ref_feat_shape=[16,16]
      eva02_large_patch14_224 eva02_large_patch14_448
    - class=Eva num_heads=16 global_pool=token
      eva_giant_patch14_clip_224
    - class=Eva num_heads=12 global_pool=token use_rot_pos_emb=true ref_feat_shape=[16,16]
      eva02_base_patch16_clip_224
    - class=Eva num_heads=16 global_pool=token use_rot_pos_emb=true ref_feat_shape=[16,16]
      eva02_large_patch14_clip_224 eva02_large_patch14_clip_336
    - class=Eva num_heads=16 global_pool=token use_post_norm=true
      eva02_enormous_patch14_clip_224
    - class=Eva num_heads=8 use_rot_pos_emb=true ref_feat_shape=[16,16]
      vit_medium_patch16_rope_reg1_gap_256 vit_mediumd_patch16_rope_reg1_gap_256
    - class=Eva num_heads=10 use_rot_pos_emb=true ref_feat_shape=[16,16]
      vit_betwixt_patch16_rope_reg4_gap_256
    - class=Eva num_heads=12 use_rot_pos_emb=true ref_feat_shape=[16,16]
      vit_base_patch16_rope_reg1_gap_256
    - class=Eva num_heads=3 global_pool=map attn_pool_num_heads=8 rope_grid_offset=1 rope_grid_indexing=xy
    - use_rot_pos_emb=true ref_feat_shape=[24,24] norm_eps=1e-5
      vit_pe_core_tiny_patch16_384
    - class=Eva num_heads=6 global_pool=map attn_pool_num_heads=8 rope_grid_offset=1 rope_grid_indexing=xy
    - use_rot_pos_emb=true ref_feat_shape=[24,24] norm_eps=1e-5
      vit_pe_core_small_patch16_384
    - class=Eva num_heads=12 global_pool=map attn_pool_num_heads=8 rope_grid_offset=1 rope_grid_indexing=xy
    - use_rot_pos_emb=true ref_feat_shape=[14,14] norm_eps=1e-5
      vit_pe_core_base_patch16_224
    - class=Eva num_heads=16 global_pool=map attn_pool_num_heads=8 rope_grid_offset=1 rope_grid_indexing=xy
    - use_rot_pos_emb=true ref_feat_shape=[24,24] norm_eps=1e-5
      vit_pe_core_large_patch14_336
    - class=Eva num_heads=16 global_pool=map attn_pool_num_heads=8 rope_grid_indexing=xy use_rot_pos_emb=true
    - ref_feat_shape=[32,32] norm_eps=1e-5
      vit_pe_core_gigantic_patch14_448
    - class=Eva num_heads=16 rope_grid_offset=1 rope_grid_indexing=xy use_rot_pos_emb=true ref_feat_shape=[32,32]
    - norm_eps=1e-5
      vit_pe_lang_large_patch14_448 vit_pe_spatial_large_patch14_448
    - class=Eva num_heads=16 rope_grid_indexing=xy use_rot_pos_emb=true ref_feat_shape=[32,32] norm_eps=1e-5
      vit_pe_lang_gigantic_patch14_448 vit_pe_spatial_gigantic_patch14_448
    - class=Eva num_heads=3 rope_grid_offset=1 rope_grid_indexing=xy use_rot_pos_emb=true ref_feat_shape=[32,32]
    - norm_eps=1e-5
      vit_pe_spatial_tiny_patch16_512
    - class=Eva num_heads=6 rope_grid_offset=1 rope_grid_indexing=xy use_rot_pos_emb=true ref_feat_shape=[32,32]
    - norm_eps=1e-5
      vit_pe_spatial_small_patch16_512
    - class=Eva num_heads=12 rope_grid_offset=1 rope_grid_indexing=xy use_rot_pos_emb=true ref_feat_shape=[32,32]
    - norm_eps=1e-5
      vit_pe_spatial_base_patch16_512
    - class=Eva num_heads=6 global_pool=token rope_grid_indexing=xy rope_temperature=100 use_rot_pos_emb=true
      vit_small_patch16_rope_224 vit_small_patch16_rope_ape_224
    - class=Eva num_heads=12 global_pool=token rope_grid_indexing=xy rope_temperature=100 use_rot_pos_emb=true
      vit_base_patch16_rope_224 vit_base_patch16_rope_ape_224
    - class=Eva num_heads=16 global_pool=token rope_grid_indexing=xy rope_temperature=100 use_rot_pos_emb=true
      vit_large_patch16_rope_224 vit_large_patch16_rope_ape_224
    - class=Eva num_heads=6 global_pool=token rope_type=mixed rope_grid_indexing=xy rope_temperature=10
    - use_rot_pos_emb=true
      vit_small_patch16_rope_mixed_224 vit_small_patch16_rope_mixed_ape_224
    - class=Eva num_heads=12 global_pool=token rope_type=mixed rope_grid_indexing=xy rope_temperature=10
    - use_rot_pos_emb=true
      vit_base_patch16_rope_mixed_224 vit_base_patch16_rope_mixed_ape_224
    - class=Eva num_heads=16 global_pool=token rope_type=mixed rope_grid_indexing=xy rope_temperature=10
    - use_rot_pos_emb=true
      vit_large_patch16_rope_mixed_224 vit_large_patch16_rope_mixed_ape_224
    - class=Eva num_heads=3 rope_type=dinov3 rope_temperature=100 rope_rotate_half=true use_rot_pos_emb=true
    - norm_eps=1e-5
      vit_tiny_patch16_dinov3_qkvb
    - class=Eva num_heads=6 rope_type=dinov3 rope_temperature=100 rope_rotate_half=true use_rot_pos_emb=true
    - norm_eps=1e-5
      vit_small_patch16_dinov3 vit_small_patch16_dinov3_qkvb
    - class=Eva num_heads=6 rope_type=dinov3 rope_temperature=100 rope_rotate_half=true use_rot_pos_emb=true
    - norm_eps=1e-5
      vit_small_plus_patch16_dinov3 vit_small_plus_patch16_dinov3_qkvb
    - class=Eva num_heads=12 rope_type=dinov3 rope_temperature=100 rope_rotate_half=true use_rot_pos_emb=true
    - norm_eps=1e-5
      vit_base_patch16_dinov3 vit_base_patch16_dinov3_qkvb
    - class=Eva num_heads=16 rope_type=dinov3 rope_temperature=100 rope_rotate_half=true use_rot_pos_emb=true
    - norm_eps=1e-5
      vit_large_patch16_dinov3 vit_large_patch16_dinov3_qkvb
    - class=Eva num_heads=20 rope_type=dinov3 rope_temperature=100 rope_rotate_half=true use_rot_pos_emb=true
    - norm_eps=1e-5
      vit_huge_plus_patch16_dinov3 vit_huge_plus_patch16_dinov3_qkvb
    - class=Eva num_heads=32 rope_type=dinov3 rope_temperature=100 rope_rotate_half=true use_rot_pos_emb=true
    - norm_eps=1e-5
      vit_7b_patch16_dinov3
    - class=Eva num_heads=6 global_pool=token rope_type=dinov3 rope_temperature=100 rope_rotate_half=true
    - use_rot_pos_emb=true norm_eps=1e-5
      vit_small_patch16_lingbot
    - class=Eva num_heads=12 global_pool=token rope_type=dinov3 rope_temperature=100 rope_rotate_half=true
    - use_rot_pos_emb=true norm_eps=1e-5
      vit_base_patch16_lingbot
    - class=Eva num_heads=16 global_pool=token rope_type=dinov3 rope_temperature=100 rope_rotate_half=true
    - use_rot_pos_emb=true norm_eps=1e-5
      vit_large_patch16_lingbot
    - class=Eva num_heads=24 global_pool=token rope_type=dinov3 rope_temperature=100 rope_rotate_half=true
    - use_rot_pos_emb=true norm_eps=1e-5
      vit_giant_patch16_lingbot
    - class=Eva num_heads=12 num_kv_heads=6
      vit_base_patch16_sapiens2
    - class=Eva num_heads=16 num_kv_heads=8
      vit_large_patch16_sapiens2 vit_huge_patch16_sapiens2
    - class=Eva num_heads=24 num_kv_heads=12
      vit_giant_patch16_sapiens2
    - class=Eva num_heads=32 num_kv_heads=16
      vit_5b_patch16_sapiens2
    - num_heads=8
      deit3_medium_patch16_224
    """
}
