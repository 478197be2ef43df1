// pid 1 for `init: true`: runs argv[1] with argv[2…] as its child, forwards signals to it, reaps everything, and ends
// with the child's status (128 + signal). Position-independent, no stack beyond one frame, no libc.
// The machine code stands in tiny_init.py; tests assemble this file and compare.
        .globl _start
_start:
        mov     x19, sp
        ldr     x0, [sp]
        add     x20, sp, x0, lsl #3
        add     x20, x20, #16                   // envp
        sub     sp, sp, #192                    // +0 all signals, +8 old mask, +16 status, +32 siginfo
        mov     x0, #-1
        str     x0, [sp]
        mov     x0, #2                          // SIG_SETMASK
        mov     x1, sp
        add     x2, sp, #8
        mov     x3, #8
        mov     x8, #135                        // rt_sigprocmask
        svc     #0
        mov     x0, #17                         // SIGCHLD
        mov     x1, #0
        mov     x2, #0
        mov     x3, #0
        mov     x4, #0
        mov     x8, #220                        // clone
        svc     #0
        cmp     x0, #0
        b.lt    failed
        b.eq    child
        mov     w21, w0
        mov     w22, #0                         // 1 once the child has ended
wait_signal:
        mov     x0, sp
        add     x1, sp, #32
        mov     x2, #0
        mov     x3, #8
        mov     x8, #137                        // rt_sigtimedwait
        svc     #0
        cmp     w0, #17                         // SIGCHLD
        b.eq    reap
        cmp     w0, #0
        b.le    wait_signal
        mov     w1, w0
        mov     w0, w21
        mov     x8, #129                        // kill
        svc     #0
        b       wait_signal
reap:
        mov     x0, #-1
        add     x1, sp, #16
        mov     x2, #1                          // WNOHANG
        mov     x3, #0
        mov     x8, #260                        // wait4
        svc     #0
        cmp     w0, #0
        b.le    reaped
        cmp     w0, w21
        b.ne    reap
        mov     w22, #1
        ldr     w23, [sp, #16]
        b       reap
reaped:
        cbz     w22, wait_signal
        ands    w0, w23, #0x7f
        b.ne    signalled
        ubfx    w0, w23, #8, #8
        b       leave
signalled:
        add     w0, w0, #128
        b       leave
child:
        mov     x0, #0
        mov     x1, #0
        mov     x8, #154                        // setpgid
        svc     #0
        mov     x8, #172                        // getpid
        svc     #0
        str     w0, [sp, #16]
        mov     x0, #0
        mov     x1, #0x5410                     // TIOCSPGRP: fails where there is no terminal
        add     x2, sp, #16
        mov     x8, #29                         // ioctl
        svc     #0
        mov     x0, #2
        add     x1, sp, #8
        mov     x2, #0
        mov     x3, #8
        mov     x8, #135                        // rt_sigprocmask
        svc     #0
        ldr     x0, [x19, #16]
        add     x1, x19, #24
        mov     x2, x20
        mov     x8, #221                        // execve
        svc     #0
failed:
        mov     x0, #127
leave:
        mov     x8, #94                         // exit_group
        svc     #0
