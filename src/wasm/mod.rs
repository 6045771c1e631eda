//! Skeleton of the bindings: enough to walk Rust -> wasm -> tarball -> runtime.
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
pub struct Core { active: u32, max: u32, view: Box<[f64; 40]> }

#[wasm_bindgen]
impl Core {
    #[wasm_bindgen(constructor)]
    pub fn new(_config: JsValue) -> Result<Core, JsValue> {
        Ok(Core { active: 0, max: 2, view: Box::new([0.0; 40]) })
    }
    pub fn view_ptr(&self) -> u32 { self.view.as_ptr() as u32 }
    #[allow(clippy::too_many_arguments)]
    pub fn acquire(&mut self, now: f64, _actor: u32, _flags: u32, _weight: f64, _p: f64, _o: f64, _cs: i32, _cg: u32) -> i32 {
        if self.active >= self.max { return -1; }
        self.active += 1;
        self.view[4] = now + 60000.0;
        self.active as i32 - 1
    }
    pub fn snapshot(&self, _now: f64) -> JsValue { serde_wasm_bindgen::to_value(&self.active).unwrap_or(JsValue::NULL) }
}
#[wasm_bindgen]
pub fn random_seed() -> Result<f64, JsValue> {
    let mut b = [0u8; 8];
    getrandom::fill(&mut b).map_err(|_| js_sys::Error::new("no randomness here"))?;
    Ok((u64::from_le_bytes(b) >> 11) as f64)
}
