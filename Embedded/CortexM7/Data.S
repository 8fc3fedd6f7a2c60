// The pixels, and the model where it lies in flash, as they are in their files. PIXELS and MODEL are the paths; without
// MODEL, the linker is told where the model lies.

.section .pixels, "a", %progbits
.globl pixels_start
.globl pixels_end
pixels_start:
    .incbin PIXELS
pixels_end:

#ifdef MODEL
.section .model, "a", %progbits
.balign 64
.globl model_start
.globl model_end
model_start:
    .incbin MODEL
model_end:
#endif
