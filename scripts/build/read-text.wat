;; Turns the text of `wasm-text.mjs` back into bytes. In wasm because it runs once, cold, over 100,000 characters: a
;; JavaScript loop takes three times as long there as the whole of this, its compilation included.
;;
;; Memory: 128 x u16 at 0: the byte that a character stands for, or 256 if it opens a pair; 128 x 128 bytes at 256: the
;; byte that a pair stands for; then the text, then the bytes.
(module
  (memory (export "memory") 1)
  (func (export "read") (param $text i32) (param $out i32) (param $end i32)
    (local $byte i32)
    (local $code i32)
    (loop $next
      (local.set $code (i32.load8_u (local.get $text)))
      (local.set $text (i32.add (local.get $text) (i32.const 1)))
      (local.set $byte (i32.load16_u (i32.shl (local.get $code) (i32.const 1))))
      (if (i32.eq (local.get $byte) (i32.const 256))
        (then
          (local.set $byte
            (i32.load8_u offset=256
              (i32.or (i32.shl (local.get $code) (i32.const 7)) (i32.load8_u (local.get $text)))))
          (local.set $text (i32.add (local.get $text) (i32.const 1)))))
      (i32.store8 (local.get $out) (local.get $byte))
      (local.set $out (i32.add (local.get $out) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $out) (local.get $end))))))
