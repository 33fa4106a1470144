fn countPixels(id: u32, reached: u32) {}
