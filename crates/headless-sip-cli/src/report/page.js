(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const sections = [...document.querySelectorAll(".time")];
  const cursors = [...document.querySelectorAll(".cursor")];
  const clips = [...document.querySelectorAll("audio")];
  const place = seconds => {
    const share = Math.min(1, Math.max(0, seconds / data.duration));
    for (const cursor of cursors) { cursor.style.left = share * 100 + "%"; cursor.style.opacity = .8; }
  };
  const hide = () => { for (const cursor of cursors) cursor.style.opacity = 0; };
  const level = (trace, at) => {
    const db = trace.db[Math.floor((at - trace.start) / trace.bin)];
    return db === undefined || db <= -60 ? "silence" : db + " dB";
  };
  const nearest = (samples, at) => {
    let best;
    for (const sample of samples) if (sample[0] <= at || !best) best = sample;
    return best;
  };
  const bold = text => Object.assign(document.createElement("b"), { textContent: text });
  const tell = (line, parts) => {
    line.hidden = false;
    line.replaceChildren(...parts.flatMap((part, i) => i ? [" \u00b7 ", part] : [part]));
  };
  const readout = (section, at) => {
    const line = section.querySelector(".readout");
    const sound = section.querySelector(".plot.sound");
    const parts = [bold(at.toFixed(2) + " s")];
    if (sound) for (const lane of data.lanes) {
      parts.push(`${lane.from} says ${level(lane.said, at)}, ${lane.to} hears ${level(lane.heard, at)}`);
    } else for (const side of data.network) {
      const sample = nearest(side.samples, at);
      if (sample) parts.push(`${side.name}: delay ${sample[1]} ms, jitter ${sample[2]} ms`);
    }
    tell(line, parts);
  };
  const playing = () => clips.find(clip => !clip.paused);
  for (const section of sections) for (const plot of section.querySelectorAll(".plot")) {
    const moment = event => {
      const box = plot.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * data.duration;
    };
    plot.addEventListener("pointermove", event => {
      const at = moment(event);
      readout(section, at);
      if (!playing()) place(at);
    });
    plot.addEventListener("pointerleave", () => { if (!playing()) hide(); });
    plot.addEventListener("click", event => {
      const clip = playing() || clips[clips.length > 1 && plot.closest(".lane1") ? 1 : 0];
      if (clip) clip.currentTime = Math.max(0, moment(event) - Number(clip.dataset.start));
    });
  }
  for (const clip of clips) {
    const follow = () => {
      place(clip.currentTime + Number(clip.dataset.start));
      if (!clip.paused) requestAnimationFrame(follow);
    };
    clip.addEventListener("play", () => {
      for (const other of clips) if (other !== clip) other.pause();
      follow();
    });
    clip.addEventListener("seeked", follow);
    clip.addEventListener("ended", hide);
  }
})();
