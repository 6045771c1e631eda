;; Turns the text of `wasm-text.mjs` back into the wasm: into bytes, then the streams of bytes into code. In wasm because it
;; runs once, cold, over 150,000 characters: a JavaScript loop takes several times as long there as the whole of this, its
;; compilation included. One function without calls, because it is run as it is compiled first, which is not optimised.
;;
;; Memory: 128 x u16 at 0: the byte that a character stands for, or 256 if it opens a pair; 128 x 128 bytes at 256: the
;; byte that a pair stands for; 64 x i32 at 16640: where each stream is read next; 256 x u16 at 16896: the one or two streams
;; of what follows an opcode; then the text, then the streams, then the wasm.
(module
  (memory (export "memory") 1)
  (func (export "read") (param $text i32) (param $bytes i32) (param $out i32) (param $end i32)
    (local $byte i32) (local $code i32) (local $at i32) (local $rest i32) (local $opcodes i32) (local $stream i32)
    (local.set $at (local.get $bytes))
    (loop $character
      (local.set $code (i32.load8_u (local.get $text)))
      (local.set $text (i32.add (local.get $text) (i32.const 1)))
      (local.set $byte (i32.load16_u (i32.shl (local.get $code) (i32.const 1))))
      (if (i32.eq (local.get $byte) (i32.const 256))
        (then
          (local.set $byte
            (i32.load8_u offset=256
              (i32.or (i32.shl (local.get $code) (i32.const 7)) (i32.load8_u (local.get $text)))))
          (local.set $text (i32.add (local.get $text) (i32.const 1)))))
      (i32.store8 (local.get $at) (local.get $byte))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $character (i32.lt_u (local.get $at) (local.get $out))))

    (local.set $opcodes (i32.load offset=16640 (i32.const 0)))
    (loop $instruction
      (local.set $byte (i32.load8_u (local.get $opcodes)))
      (local.set $opcodes (i32.add (local.get $opcodes) (i32.const 1)))
      (if (i32.eq (local.get $byte) (i32.const 255))
        (then
          ;; How many literal bytes, then those.
          (local.set $rest (i32.load8_u (local.tee $at (i32.load offset=16644 (i32.const 0)))))
          (i32.store offset=16644 (i32.const 0) (i32.add (local.get $at) (i32.const 1)))
          (local.set $at (i32.load offset=16648 (i32.const 0)))
          (i32.store offset=16648 (i32.const 0) (i32.add (local.get $at) (local.get $rest)))
          (loop $literal
            (i32.store8 (local.get $out) (i32.load8_u (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $out (i32.add (local.get $out) (i32.const 1)))
            (br_if $literal (local.tee $rest (i32.sub (local.get $rest) (i32.const 1))))))
        (else
          (i32.store8 (local.get $out) (local.get $byte))
          (local.set $out (i32.add (local.get $out) (i32.const 1)))
          (if (local.tee $rest (i32.load16_u offset=16896 (i32.shl (local.get $byte) (i32.const 1))))
            (then
              (loop $number
                (local.set $stream (i32.shl (i32.and (local.get $rest) (i32.const 255)) (i32.const 2)))
                (local.set $at (i32.load offset=16640 (local.get $stream)))
                (loop $more
                  (i32.store8 (local.get $out) (local.tee $byte (i32.load8_u (local.get $at))))
                  (local.set $at (i32.add (local.get $at) (i32.const 1)))
                  (local.set $out (i32.add (local.get $out) (i32.const 1)))
                  (br_if $more (i32.gt_u (local.get $byte) (i32.const 127))))
                (i32.store offset=16640 (local.get $stream) (local.get $at))
                (br_if $number (local.tee $rest (i32.shr_u (local.get $rest) (i32.const 8)))))))))
      (br_if $instruction (i32.lt_u (local.get $out) (local.get $end))))))
