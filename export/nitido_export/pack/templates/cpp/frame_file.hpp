// Frames in files and pipes: a binary PPM (P6, 8 bits), or raw BGR24 frames one after the other.
#ifndef NITIDO_FRAME_FILE_HPP
#define NITIDO_FRAME_FILE_HPP

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "nitido.hpp"

namespace nitido {

// The model's colour order is BGR, a PPM's is RGB.
inline void swap_red_and_blue(std::span<std::uint8_t> pixels) {
  for (std::size_t i = 0; i + 2 < pixels.size(); i += 3) std::swap(pixels[i], pixels[i + 2]);
}

// Frames one by one, from a file or, as "-", from standard input.
class Reader {
 public:
  // width, height: of raw frames; 0: the file is a PPM.
  Reader(const std::string& path, std::int64_t width, std::int64_t height)
      : path_(path), width_(width), height_(height), is_ppm_(width == 0) {
    if (path != "-") {
      file_.open(path, std::ios::binary);
      if (!file_) throw Error("cannot read " + path);
    }
    if (is_ppm_) read_header();
    pixels_.resize(static_cast<std::size_t>(3 * width_ * height_));
  }

  // Reads the next frame; false at the end. What `frame` shows lasts until the next call.
  bool next() {
    if (is_ppm_ && count_ > 0) return false;
    in().read(reinterpret_cast<char*>(pixels_.data()), static_cast<std::streamsize>(pixels_.size()));
    const auto got = static_cast<std::size_t>(in().gcount());
    if (got == 0 && count_ > 0) return false;
    if (got != pixels_.size())
      throw Error(path_ + ": a frame of " + std::to_string(width_) + "x" + std::to_string(height_) + " has " +
                  std::to_string(pixels_.size()) + " bytes, found " + std::to_string(got) + "; check --size");
    if (is_ppm_) swap_red_and_blue(pixels_);
    count_++;
    return true;
  }

  Frame frame() const { return {pixels_, width_, height_}; }

 private:
  std::istream& in() { return path_ == "-" ? std::cin : static_cast<std::istream&>(file_); }

  void read_header() {
    std::string magic(2, ' ');
    in().read(magic.data(), 2);
    if (magic != "P6") throw Error(path_ + " is not a binary PPM (P6); for raw BGR24 frames give --size WxH");
    std::int64_t numbers[3] = {0, 0, 0};
    for (auto& number : numbers) {
      while ((in() >> std::ws) && in().peek() == '#') in().ignore(std::numeric_limits<std::streamsize>::max(), '\n');
      in() >> number;
    }
    in().get();  // the one white space after the maximum
    if (!in() || numbers[0] < 1 || numbers[1] < 1 || numbers[0] > 1000000 || numbers[1] > 1000000 || numbers[2] != 255)
      throw Error(path_ + ": expected the header of a PPM of 8 bits, with width, height and 255");
    width_ = numbers[0];
    height_ = numbers[1];
  }

  std::string path_;
  std::int64_t width_, height_;
  bool is_ppm_;
  std::ifstream file_;
  std::vector<std::uint8_t> pixels_;
  std::int64_t count_ = 0;
};

// Frames into a file that is there complete or not at all, or, as "-", to standard output.
class Writer {
 public:
  Writer(const std::string& path, bool as_ppm) : path_(path), as_ppm_(as_ppm) {}
  Writer(Writer&&) = default;

  ~Writer() {
    std::error_code ignored;
    if (file_.is_open()) {
      file_.close();
      std::filesystem::remove(partial(), ignored);
    }
  }

  void write(const Frame& frame) {
    if (path_ != "-" && !file_.is_open()) {
      file_.open(partial(), std::ios::binary);
      if (!file_) throw Error("cannot write " + path_);
    }
    if (as_ppm_) {
      std::vector<std::uint8_t> pixels(frame.pixels.begin(), frame.pixels.end());
      swap_red_and_blue(pixels);
      out() << "P6\n" << frame.width << ' ' << frame.height << "\n255\n";
      put(pixels);
    } else {
      put(frame.pixels);
    }
  }

  // Call it after the last frame.
  void finish() {
    if (path_ == "-") return;
    file_.close();
    if (!file_) throw Error("cannot write " + path_ + "; nothing was changed");
    std::filesystem::rename(partial(), path_);
  }

 private:
  std::string partial() const { return path_ + ".partial"; }
  std::ostream& out() { return path_ == "-" ? std::cout : static_cast<std::ostream&>(file_); }

  void put(std::span<const std::uint8_t> pixels) {
    out().write(reinterpret_cast<const char*>(pixels.data()), static_cast<std::streamsize>(pixels.size()));
    if (path_ == "-") out().flush();
    if (!out()) throw Error("cannot write " + (path_ == "-" ? "to standard output" : path_ + "; nothing was changed"));
  }

  std::string path_;
  bool as_ppm_;
  std::ofstream file_;
};

}  // namespace nitido

#endif
