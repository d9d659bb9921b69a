// Runs a Nítido model on frames.
//
//   nitido-frame MODEL IN.ppm OUT.ppm                  a binary PPM (P6, 8 bits)
//   nitido-frame MODEL IN.bgr OUT.bgr --size 640x480   raw BGR24, as OpenCV and V4L2 lay it out: one frame, or several
//                                                      of a video one after the other
//   nitido-frame MODEL - - --size 640x480              raw frames from standard input, as they come, to standard
//                                                      output: a camera
//   nitido-frame MODEL IN OUT IN2 OUT2 ...             several streams; their frames take turns
//
// --strength 0..1   0 returns the frame, 1 (the default) the restored one; denoisers only
// --noise N         noise level, the standard deviation of brightness noise in 8-bit levels; default: estimated
// --cut N           a new scene begins with frame N, counted from 0: the model forgets what was before; repeatable
// --threads N       default: the library decides
// --expect FILE     a frame like OUT; fails when the output differs from it by more than one level
//
// Exit codes: 0 done, 1 failed, 2 wrong usage. Every failure is one line on stderr.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <vector>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

#include "frame_file.hpp"
#include "nitido.hpp"

namespace {

struct Options {
  std::vector<std::string> places;  // MODEL, then IN and OUT of each stream
  std::string expected;             // a frame that the output must equal
  std::int64_t width = 0, height = 0;
  std::set<std::int64_t> cuts;
  nitido::Settings settings;
  int threads = 0;
};

class Usage : public nitido::Error {
  using nitido::Error::Error;
};

template <typename Number>
Number parse_number(const std::string& option, const std::string& text, Number least, Number most) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !(number >= least && number <= most))
    throw Usage(option + " expects a number, found '" + text + "'");
  return number;
}

void parse_option(Options& options, const std::string& word, const std::string& value) {
  if (word == "--size") {
    const auto cross = std::min(value.find('x'), value.size());
    options.width = parse_number<std::int64_t>(word, value.substr(0, cross), 1, 1000000);
    options.height = parse_number<std::int64_t>(word, value.substr(std::min(cross + 1, value.size())), 1, 1000000);
  } else if (word == "--strength") {
    options.settings.strength = parse_number(word, value, 0.0f, 1.0f);
  } else if (word == "--noise") {
    options.settings.noise = parse_number(word, value, 0.0f, 255.0f);
  } else if (word == "--cut") {
    options.cuts.insert(parse_number<std::int64_t>(word, value, 0, 1000000000));
  } else if (word == "--threads") {
    options.threads = parse_number(word, value, 1, 1024);
  } else if (word == "--expect" && !value.empty()) {
    options.expected = value;
  } else {
    throw Usage("unknown option, or one without its value: " + word);
  }
}

Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; i++) {
    const std::string word = words[i];
    if (word.starts_with("--")) {
      parse_option(options, word, i + 1 < count ? words[i + 1] : "");
      i++;  // the value
    } else {
      options.places.push_back(word);
    }
  }
  const auto& places = options.places;
  if (places.size() < 3 || places.size() % 2 == 0)
    throw Usage(
        "usage: nitido-frame MODEL IN OUT [IN OUT ...] [--size WxH] [--strength 0..1] [--noise N] [--cut N] "
        "[--threads N] [--expect FILE]");
  const bool pipe = std::find(places.begin() + 1, places.end(), "-") != places.end();
  if (pipe && (places.size() != 3 || places[1] != places[2] || options.width == 0))
    throw Usage("standard input goes to standard output, alone, with --size: MODEL - - --size WxH");
  return options;
}

// One camera or video, from where it comes to where it goes.
struct Channel {
  nitido::Reader reader;
  nitido::Writer writer;
  nitido::Stream stream;
  bool open = true;
};

// One level is what sums in another order, on another processor, can move a byte.
void compare(const nitido::Frame& found, const std::string& path, const Options& options) {
  nitido::Reader expected(path, options.width, options.height);
  expected.next();
  int worst = found.pixels.size() == expected.frame().pixels.size() ? 0 : 255;
  for (std::size_t i = 0; worst < 255 && i < found.pixels.size(); i++)
    worst = std::max(worst, std::abs(int{found.pixels[i]} - int{expected.frame().pixels[i]}));
  if (worst > 1)
    throw nitido::Error("the output differs from " + path + " by " + std::to_string(worst) +
                        " of 255 levels, expected at most 1");
}

void process(const Options& options) {
  nitido::require_library();
  nitido::Model model(options.places[0], options.threads);
  std::vector<std::unique_ptr<Channel>> channels;
  for (std::size_t i = 1; i < options.places.size(); i += 2)
    channels.push_back(std::make_unique<Channel>(
        Channel{nitido::Reader(options.places[i], options.width, options.height),
                nitido::Writer(options.places[i + 1], options.width == 0), nitido::Stream(model)}));
  std::size_t open = channels.size();
  for (std::int64_t n = 0; open > 0; n++) {
    for (auto& channel : channels) {
      if (!channel->open) continue;
      if (!channel->reader.next()) {
        channel->open = false;
        open--;
        continue;
      }
      if (options.cuts.contains(n)) channel->stream.reset();
      const auto result = channel->stream.restore(channel->reader.frame(), options.settings);
      if (!options.expected.empty()) compare(result.frame, options.expected, options);
      channel->writer.write(result.frame);
    }
  }
  for (auto& channel : channels) channel->writer.finish();
}

}  // namespace

int main(int count, char** words) {
  std::ios::sync_with_stdio(false);
#ifdef _WIN32
  _setmode(_fileno(stdin), _O_BINARY);
  _setmode(_fileno(stdout), _O_BINARY);
#endif
  try {
    process(parse(count, words));
    return 0;
  } catch (const std::exception& error) {
    const std::string text = error.what();
    std::cerr << "nitido-frame: " << text.substr(0, text.find('\n')) << '\n';
    return dynamic_cast<const Usage*>(&error) != nullptr ? 2 : 1;
  }
}
