// Every splat below the count is sorted.
fn splatOf(place: u32) -> u32 { return place; }
