;; Turns the text of `wasm-text.mjs` back into the wasm. In wasm because it runs once, cold, over 240,000 characters: a
;; JavaScript loop takes several times as long there as the whole of this, its compilation included. One function without
;; calls, because it is run as it is compiled first, which is not optimised.
;;
;; Few of the branches that remain are taken: behind each opcode stands what comes next in two streams, of which the next
;; opcode overwrites what it does not have. Longer numbers, pairs of characters and literal bytes begin again.
;;
;; Memory, filled by `wasm-text.mjs`: 128 x u16 at 0: the byte that a character stands for, or 256 if it opens a pair; 2 x
;; 128 bytes at 256: the byte that a pair stands for; 64 x i32 at 512: where each stream is read next; 256 x u16 at 768: the
;; streams of what follows an opcode, as places in that table, the second one times 256, 0: none; then the text.
(module
  (memory (export "memory") 1 (; pages ;))
  (; tables ;)
  (func (export "read") (param $out i32) (param $end i32)
    (local $opcodes i32) (local $byte i32) (local $kind i32) (local $first i32) (local $second i32) (local $at i32)
    (local $next i32) (local $one i32) (local $other i32) (local $rest i32)
    (local.set $opcodes (i32.load offset=512 (i32.const 0)))
    ;; From here on the first stream is none: its next byte is that at 0, which is 0, as no text has the character 0.
    (i32.store offset=512 (i32.const 0) (i32.const 0))
    (loop $instruction
      (local.set $byte (i32.load16_u (i32.shl (local.tee $at (i32.load8_u (local.get $opcodes))) (i32.const 1))))
      (local.set $opcodes (i32.add (local.get $opcodes) (i32.const 1)))
      (if (i32.eq (local.get $byte) (i32.const 256))
        (then
          (local.set $byte
            (i32.load8_u offset=256
              (i32.or
                (i32.shl (i32.and (local.get $at) (i32.const 1)) (i32.const 7))
                (i32.load8_u (local.get $opcodes)))))
          (local.set $opcodes (i32.add (local.get $opcodes) (i32.const 1)))))
      (i32.store8 (local.get $out) (local.get $byte))
      (local.set $kind (i32.load16_u offset=768 (i32.shl (local.get $byte) (i32.const 1))))
      (local.set $at (i32.load offset=512 (local.tee $first (i32.and (local.get $kind) (i32.const 255)))))
      (local.set $next (i32.load offset=512 (local.tee $second (i32.shr_u (local.get $kind) (i32.const 8)))))
      (i32.store8 offset=1 (local.get $out)
        (local.tee $one (i32.load16_u (i32.shl (i32.load8_u (local.get $at)) (i32.const 1)))))
      (i32.store8 offset=2 (local.get $out)
        (local.tee $other (i32.load16_u (i32.shl (i32.load8_u (local.get $next)) (i32.const 1)))))
      (if (i32.lt_u (i32.or (i32.or (local.get $one) (local.get $other)) (local.get $second)) (i32.const 128))
        (then
          (i32.store offset=512 (local.get $first)
            (i32.add (local.get $at) (local.tee $first (i32.ne (local.get $first) (i32.const 0)))))
          (i32.store offset=512 (local.get $second)
            (i32.add (local.get $next) (local.tee $second (i32.ne (local.get $second) (i32.const 0)))))
          (local.set $out (i32.add (i32.add (local.get $out) (i32.const 1)) (i32.add (local.get $first) (local.get $second)))))
        (else
          ;; Literal bytes are the only second stream from 128 on: a character says how many, and their opcode is none.
          (local.set $rest (i32.const 0))
          (if (i32.gt_u (local.get $second) (i32.const 127))
            (then
              (local.set $rest (i32.sub (i32.load8_u (local.get $at)) (i32.const 39)))
              (i32.store offset=512 (local.get $first) (i32.add (local.get $at) (i32.const 1)))
              (local.set $kind (local.get $second)))
            (else (local.set $out (i32.add (local.get $out) (i32.const 1)))))
          (loop $stream
            (local.set $at (i32.load offset=512 (local.tee $first (i32.and (local.get $kind) (i32.const 255)))))
            (loop $more
              (local.set $one
                (i32.load16_u (i32.shl (local.tee $next (i32.load8_u (local.get $at))) (i32.const 1))))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (if (i32.eq (local.get $one) (i32.const 256))
                (then
                  (local.set $one
                    (i32.load8_u offset=256
                      (i32.or
                        (i32.shl (i32.and (local.get $next) (i32.const 1)) (i32.const 7))
                        (i32.load8_u (local.get $at)))))
                  (local.set $at (i32.add (local.get $at) (i32.const 1)))))
              (i32.store8 (local.get $out) (local.get $one))
              (local.set $out (i32.add (local.get $out) (i32.const 1)))
              (if (local.get $rest)
                (then (br_if $more (local.tee $rest (i32.sub (local.get $rest) (i32.const 1)))))
                (else (br_if $more (i32.gt_u (local.get $one) (i32.const 127))))))
            (i32.store offset=512 (local.get $first) (local.get $at))
            (br_if $stream (local.tee $kind (i32.shr_u (local.get $kind) (i32.const 8)))))))
      (br_if $instruction (i32.lt_u (local.get $out) (local.get $end))))))
