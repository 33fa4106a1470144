// Items of the packed precision: key and id in one word. Moves item i to the other place; see keyAt of sort-rank.wgsl.
fn moveItem(isBack: bool, i: u32, key: u32, destination: u32) {
    if (isBack) { keys[destination] = key; } else { otherKeys[destination] = key; }
}
