// What a Cortex-M7 does before Swift runs: the vector table, the start, and the call of the debugger or emulator.

.syntax unified
.cpu cortex-m7
.thumb

// The processor reads its first stack pointer and where to begin from address 0; every fault ends the program.
.section .vectors, "a", %progbits
    .word stack_top
    .word reset
    .rept 14
    .word fault
    .endr

.text

// Initial values go from flash to memory; what has none is zeroed. The rest, which heap and stack will share, is painted,
// so that the end of the program can tell what was never written.
.thumb_func
.globl reset
reset:
    ldr r0, =data_start
    ldr r1, =data_end
    ldr r2, =data_in_flash
1:  cmp r0, r1
    bhs 2f
    ldr r3, [r2], #4
    str r3, [r0], #4
    b 1b
2:  ldr r1, =bss_end
    movs r3, #0
3:  cmp r0, r1
    bhs 4f
    str r3, [r0], #4
    b 3b
4:  ldr r1, =stack_top
    ldr r3, =0xA5A5A5A5
5:  cmp r0, r1
    bhs 6f
    str r3, [r0], #4
    b 5b
6:  ldr r0, =memory
    bl start
    b fault

// semihosting(operation, argument): asks the debugger or emulator.
.thumb_func
.globl semihosting
semihosting:
    bkpt 0xAB
    bx lr

// SYS_EXIT_EXTENDED with status 1.
.thumb_func
fault:
    movs r0, #0x20
    ldr r1, =fault_status
    bkpt 0xAB
    b .

.section .rodata.start, "a", %progbits
.balign 4
fault_status:
    .word 0x20026
    .word 1
// In the order of the fields in System.h; the linker script and Data.S give the values.
memory:
    .word ram_start
    .word bss_end
    .word stack_top
    .word model_start
    .word model_end
    .word pixels_start
    .word pixels_end
    .word slow_start
    .word slow_end
    .word program_size
