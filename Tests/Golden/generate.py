"""Writes golden cases as their own libraries compute and save them: generate.py [NAME...]

Needs torch, transformers 5.24 and timm 1.0.31. The weights are random numbers of a fixed seed, but other versions of torch
may draw or round others: a new version of a case is a new case.
"""

import math
import os
import sys

import timm
import torch
import transformers
from safetensors.torch import save_file

FOLDER = os.path.dirname(os.path.abspath(__file__))


def randomize(model, generator):
    """Weights with a deviation of 1.5 / sqrt(inputs), norms around 1, biases and tokens that matter."""
    with torch.no_grad():
        for name, values in model.named_parameters():
            random = torch.randn(values.shape, generator=generator)
            if "norm" in name and name.endswith("weight") or "gamma" in name or "lambda" in name:
                values.copy_(1 + 0.1 * random)
            elif values.dim() < 2 or "token" in name or "pos" in name or "probe" in name:
                values.copy_(0.1 * random)
            else:
                values.copy_(1.5 * random / math.sqrt(values[0].numel()))
    return model.eval()


def recorded(blocks, states):
    """Keeps the residual stream before the first block and after each."""

    def before(_, inputs, named):
        states.append(inputs[0] if inputs else named["hidden_states"])

    def after(_, inputs, output):
        states.append(output[0] if isinstance(output, tuple) else output)

    blocks[0].register_forward_pre_hook(before, with_kwargs=True)
    for block in blocks:
        block.register_forward_hook(after)


def write(name, model, save, blocks, outputs, size):
    generator = torch.Generator().manual_seed(len(name))
    randomize(model, generator)
    states = []
    recorded(blocks(model), states)
    pixels = torch.randn(2, 3, *size, generator=generator)
    with torch.no_grad():
        tensors = {"pixel_values": pixels, **outputs(model, pixels)}
    tensors |= {f"hidden_states.{index}": state for index, state in enumerate(states)}
    folder = os.path.join(FOLDER, name)
    save(model, folder)
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, f"{folder}/io.safetensors")


def transformer(name, kind, configuration, blocks, outputs):
    model = getattr(transformers, kind)(configuration)
    write(name, model, lambda model, folder: model.save_pretrained(folder), blocks, outputs, (32, 32))


SMALL = dict(
    hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96, image_size=32, patch_size=8
)


def vit_msn():
    transformer(
        "hf-vit-msn", "ViTMSNForImageClassification", transformers.ViTMSNConfig(**SMALL, num_labels=7),
        lambda model: model.vit.layers, lambda model, pixels: {"logits": model(pixels).logits})


def vit_mae():
    decoder = dict(
        decoder_hidden_size=24, decoder_num_attention_heads=2, decoder_num_hidden_layers=1, decoder_intermediate_size=24)
    noise = (torch.arange(16.0) / 16).repeat(2, 1)
    transformer(
        "hf-vit-mae", "ViTMAEForPreTraining", transformers.ViTMAEConfig(**SMALL, **decoder, mask_ratio=0.0),
        lambda model: model.vit.layers,
        lambda model, pixels: {"last_hidden_state": model.vit(pixels, noise=noise).last_hidden_state})


def siglip_classification():
    configuration = transformers.SiglipConfig(vision_config=SMALL, num_labels=5)
    transformer(
        "hf-siglip-classification", "SiglipForImageClassification", configuration,
        lambda model: model.vision_model.encoder.layers, lambda model, pixels: {"logits": model(pixels).logits})


def metaclip2():
    def outputs(model, pixels):
        output = model(pixels)
        return {"last_hidden_state": output.last_hidden_state, "image_embeds": output.image_embeds}

    configuration = transformers.MetaClip2VisionConfig(**SMALL, projection_dim=40)
    transformer(
        "hf-metaclip2", "MetaClip2VisionModelWithProjection", configuration,
        lambda model: model.vision_model.encoder.layers, outputs)


def dinov3():
    def outputs(model, pixels):
        output = model(pixels)
        return {"last_hidden_state": output.last_hidden_state, "pooler_output": output.pooler_output}

    transformer(
        "hf-dinov3", "DINOv3ViTModel", transformers.DINOv3ViTConfig(**SMALL), lambda model: model.model.layer, outputs)


def timm_eva():
    def outputs(model, pixels):
        tokens = model.forward_features(pixels)
        return {"last_hidden_state": tokens, "logits": model.forward_head(tokens)}

    model = timm.create_model(
        "vit_small_patch16_dinov3", img_size=(32, 64), embed_dim=48, depth=2, num_heads=3, swiglu_mlp=True,
        num_classes=6)
    write(
        "timm-eva", model, lambda model, folder: timm.models.save_for_hf(model, folder, safe_serialization=True),
        lambda model: model.blocks, outputs, (32, 64))


CASES = {
    "hf-vit-msn": vit_msn, "hf-vit-mae": vit_mae, "hf-siglip-classification": siglip_classification,
    "hf-metaclip2": metaclip2, "hf-dinov3": dinov3, "timm-eva": timm_eva,
}

for case in sys.argv[1:] or CASES:
    CASES[case]()
