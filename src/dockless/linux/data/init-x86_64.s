# pid 1 for `init: true`: runs argv[1] with argv[2…] as its child, forwards signals to it, reaps everything, and ends
# with the child's status (128 + signal). Position-independent, no stack beyond one frame, no libc.
# The machine code stands in tiny_init.py; tests assemble this file and compare.
        .intel_syntax noprefix
        .globl _start
_start:
        mov     r12, rsp
        mov     rax, [rsp]
        lea     r13, [rsp + rax*8 + 16]         # envp
        sub     rsp, 192                        # +0 all signals, +8 old mask, +16 status, +32 siginfo
        mov     qword ptr [rsp], -1
        mov     edi, 2                          # SIG_SETMASK
        mov     rsi, rsp
        lea     rdx, [rsp + 8]
        mov     r10d, 8
        mov     eax, 14                         # rt_sigprocmask
        syscall
        mov     eax, 57                         # fork
        syscall
        test    eax, eax
        js      failed
        jz      child
        mov     ebx, eax
        xor     r14d, r14d                      # 1 once the child has ended
wait_signal:
        mov     rdi, rsp
        lea     rsi, [rsp + 32]
        xor     edx, edx
        mov     r10d, 8
        mov     eax, 128                        # rt_sigtimedwait
        syscall
        cmp     eax, 17                         # SIGCHLD
        je      reap
        test    eax, eax
        jle     wait_signal
        mov     edi, ebx
        mov     esi, eax
        mov     eax, 62                         # kill
        syscall
        jmp     wait_signal
reap:
        mov     rdi, -1
        lea     rsi, [rsp + 16]
        mov     edx, 1                          # WNOHANG
        xor     r10d, r10d
        mov     eax, 61                         # wait4
        syscall
        test    eax, eax
        jle     reaped
        cmp     eax, ebx
        jne     reap
        mov     r14d, 1
        mov     r15d, [rsp + 16]
        jmp     reap
reaped:
        test    r14d, r14d
        jz      wait_signal
        mov     edi, r15d
        and     edi, 0x7f
        jnz     signalled
        mov     edi, r15d
        shr     edi, 8
        and     edi, 0xff
        jmp     leave
signalled:
        add     edi, 128
        jmp     leave
child:
        xor     edi, edi
        xor     esi, esi
        mov     eax, 109                        # setpgid
        syscall
        mov     eax, 39                         # getpid
        syscall
        mov     [rsp + 16], eax
        xor     edi, edi
        mov     esi, 0x5410                     # TIOCSPGRP: fails where there is no terminal
        lea     rdx, [rsp + 16]
        mov     eax, 16                         # ioctl
        syscall
        mov     edi, 2
        lea     rsi, [rsp + 8]
        xor     edx, edx
        mov     r10d, 8
        mov     eax, 14                         # rt_sigprocmask
        syscall
        mov     rdi, [r12 + 16]
        lea     rsi, [r12 + 24]
        mov     rdx, r13
        mov     eax, 59                         # execve
        syscall
failed:
        mov     edi, 127
leave:
        mov     eax, 231                        # exit_group
        syscall
