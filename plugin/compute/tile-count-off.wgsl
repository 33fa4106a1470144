// Nobody asked for counts.
fn isCounted(splat: ScreenSplat, d: vec2f) -> bool { return false; }

fn countPixels(id: u32, reached: u32) {}
