// The entry point and the system call of Linux: what no language but assembly can say. The kernel leaves the arguments,
// the environment and the auxiliary vector on the stack; their address goes to the Swift function `start`.
//
// syscall(number, up to six arguments) returns what the kernel does: the result, or minus an error number.

.section .text.start, "ax", %progbits
.globl _start
.globl syscall

#if defined(__x86_64__)

_start:
    xorl %ebp, %ebp
    movq %rsp, %rdi
    andq $-16, %rsp
    call start
    ud2

syscall:
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %r10
    movq %r9, %r8
    movq 8(%rsp), %r9
    syscall
    ret

#elif defined(__aarch64__)

_start:
    mov x29, #0
    mov x30, #0
    mov x0, sp
    bl start
    brk #0

syscall:
    mov x8, x0
    mov x0, x1
    mov x1, x2
    mov x2, x3
    mov x3, x4
    mov x4, x5
    mov x5, x6
    svc #0
    ret

#elif defined(__riscv)

_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    mv a0, sp
    call start
    ebreak

syscall:
    mv a7, a0
    mv a0, a1
    mv a1, a2
    mv a2, a3
    mv a3, a4
    mv a4, a5
    mv a5, a6
    ecall
    ret

#else
#error "no start code for this processor"
#endif

.section .note.GNU-stack, "", %progbits
