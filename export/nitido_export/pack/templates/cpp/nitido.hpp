// A Nítido model in C++20: frames in, frames out, any number of streams. One header on ONNX Runtime's C++ API.
//
//   nitido::Model model("denoise-live-n.onnx");
//   nitido::Stream left(model), right(model);                     // each remembers its own frames
//   nitido::Result result = left.restore({pixels, width, height}, {.noise = 4.0f});
//   show(result.frame.pixels);                                    // a std::span, valid as long as `result` is
//   left.reset();                                                 // after a cut: the next frame has no past
//
// A model may serve streams of several threads at once; a stream belongs to one thread at a time. Everything that
// fails throws a std::exception: nitido::Error, or Ort::Exception with ONNX Runtime's own message.
#ifndef NITIDO_HPP
#define NITIDO_HPP

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <onnxruntime_cxx_api.h>

namespace nitido {

class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// BGR, 8 bits, row by row without gaps, as cv::Mat and V4L2 have it: height x width x 3 bytes.
struct Frame {
  std::span<const std::uint8_t> pixels;
  std::int64_t width = 0, height = 0;
};

// What a frame is restored with; a model that cannot be given a number throws.
struct Settings {
  std::optional<float> strength;  // 0 (the frame) to 1 (restored); default 1
  std::optional<float> noise;     // noise level in 8-bit levels; default: the model estimates it
};

// A restored frame. It owns the memory that `frame.pixels` shows.
class Result {
 public:
  Frame frame;
  std::optional<float> level;  // the noise level that the model found, in 8-bit levels, where it says one

 private:
  friend class Stream;
  explicit Result(Ort::Value image) : image_(std::move(image)) {
    const auto info = image_.GetTensorTypeAndShapeInfo();
    const auto shape = info.GetShape();
    if (info.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 || shape.size() != 4 || shape[3] != 3)
      throw Error("the model returned no picture (uint8 1 x H x W x 3); is it a Nitido image model?");
    frame = {{image_.GetTensorData<std::uint8_t>(), info.GetElementCount()}, shape[2], shape[1]};
  }

  Ort::Value image_;
};

class Model {
 public:
  // path: an .onnx file, or an .ort file. threads: 0 lets the library decide.
  explicit Model(const std::filesystem::path& path, int threads = 0)
      : env_(ORT_LOGGING_LEVEL_FATAL, "nitido"), session_(env_, path.c_str(), options(threads)) {
    for (std::size_t i = 0; i < session_.GetOverridableInitializerCount(); i++)
      add_setting(session_.GetOverridableInitializerNameAllocated(i, allocator_).get(), Takes::if_given);
    multiple_ = std::max<std::int64_t>(1, number_in(metadata("nitido.multiple"), ""));
    const std::string states = metadata("nitido.states");
    for (std::size_t i = 0; i < session_.GetInputCount(); i++) {
      const std::string name = session_.GetInputNameAllocated(i, allocator_).get();
      add_setting(name, Takes::always);
      if (name.starts_with("state_in_")) add_state(i, name.substr(9), states);
    }
  }

  bool has_strength() const { return strength_ != Takes::never; }
  bool has_noise() const { return noise_ != Takes::never; }
  bool recurrent() const { return !states_.empty(); }

 private:
  friend class Stream;

  enum class Takes { never, if_given, always };  // how the file takes a number

  struct State {
    std::string in, out;          // names of the input and of the output
    std::int64_t channels, grid;  // grid: pixels of the frame, on each side, under one position
  };

  static Ort::SessionOptions options(int threads) {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(threads);
    return options;
  }

  void add_setting(std::string_view name, Takes how) {
    if (name == "strength") strength_ = how;
    if (name == "noise") noise_ = how;
  }

  void add_state(std::size_t input, const std::string& name, const std::string& states) {
    const auto shape = session_.GetInputTypeInfo(input).GetTensorTypeAndShapeInfo().GetShape();
    const auto entry = states.find("\"name\": \"" + name + "\"");
    const std::int64_t grid = entry == std::string::npos ? 0 : number_in(states.substr(entry), "\"grid\": ");
    if (shape.size() != 4 || shape[1] < 1 || grid < 1)
      throw Error("the model does not say how large its state " + name + " is");
    states_.push_back({"state_in_" + name, "state_out_" + name, shape[1], grid});
  }

  // An entry of the model's metadata, which are JSON; empty where there is none.
  std::string metadata(const char* key) {
    const auto text = session_.GetModelMetadata().LookupCustomMetadataMapAllocated(key, allocator_);
    return text ? text.get() : "";
  }

  // The whole number behind the first `key`; 0 where there is none.
  static std::int64_t number_in(const std::string& text, std::string_view key) {
    const auto at = text.find(key);
    return at == std::string::npos ? 0 : std::strtoll(text.c_str() + at + key.size(), nullptr, 10);
  }

  Ort::Env env_;
  Ort::Session session_;
  Ort::AllocatorWithDefaultOptions allocator_;
  Takes strength_ = Takes::never, noise_ = Takes::never;
  std::int64_t multiple_ = 1;  // to which the model fills up the height and width of a frame, in pixels
  std::vector<State> states_;
};

// The frames of one camera or video, one after the other, and what the model remembers of them.
class Stream {
 public:
  explicit Stream(Model& model) : model_(&model) {}  // the model must outlive it

  // The next frame has no past.
  void reset() { states_.clear(); }

  // Restores the next frame. One of another size begins again.
  Result restore(const Frame& frame, const Settings& settings = {}) {
    using Takes = Model::Takes;
    if (frame.width < 1 || frame.height < 1 ||
        frame.pixels.size() != static_cast<std::size_t>(3 * frame.width * frame.height))
      throw Error("a frame expects height x width x 3 bytes, found " + std::to_string(frame.pixels.size()));
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const std::array<std::int64_t, 4> shape{1, frame.height, frame.width, 3};
    std::vector<const char*> inputs{"frame"}, outputs{"image"};
    std::vector<Ort::Value> values;
    // The tensors show our memory, nothing is copied, and the runtime writes to none of its inputs.
    values.push_back(Ort::Value::CreateTensor<std::uint8_t>(memory, const_cast<std::uint8_t*>(frame.pixels.data()),
                                                            frame.pixels.size(), shape.data(), shape.size()));
    float numbers[] = {settings.strength.value_or(1.0f), settings.noise.value_or(-1.0f)};
    const auto give = [&](const char* name, float& number, bool given, Takes how) {
      if (given && how == Takes::never) throw Error(std::string("the model has no setting ") + name + "; leave it out");
      if (!given && how != Takes::always) return;
      inputs.push_back(name);
      values.push_back(Ort::Value::CreateTensor<float>(memory, &number, 1, nullptr, 0));  // a scalar
    };
    give("strength", numbers[0], settings.strength.has_value(), model_->strength_);
    give("noise", numbers[1], settings.noise.has_value(), model_->noise_);
    if (states_.empty() || width_ != frame.width || height_ != frame.height) begin(frame);
    const std::size_t own = values.size();
    for (std::size_t i = 0; i < states_.size(); i++) {
      inputs.push_back(model_->states_[i].in.c_str());
      values.push_back(std::move(states_[i]));
    }
    if (model_->has_noise()) outputs.push_back("noise_level");
    const std::size_t made = outputs.size();
    for (const auto& state : model_->states_) outputs.push_back(state.out.c_str());
    std::vector<Ort::Value> results;
    try {
      results = model_->session_.Run(Ort::RunOptions{nullptr}, inputs.data(), values.data(), values.size(),
                                     outputs.data(), outputs.size());
    } catch (...) {
      for (std::size_t i = 0; i < states_.size(); i++) states_[i] = std::move(values[own + i]);
      throw;
    }
    for (std::size_t i = 0; i < states_.size(); i++) states_[i] = std::move(results[made + i]);
    Result result(std::move(results[0]));
    if (model_->has_noise()) result.level = *results[1].GetTensorData<float>();
    return result;
  }

 private:
  // Zeros for a frame of this size: no past.
  void begin(const Frame& frame) {
    states_.clear();
    width_ = frame.width;
    height_ = frame.height;
    const auto positions = [&](std::int64_t side, std::int64_t grid) {
      return (side + model_->multiple_ - 1) / model_->multiple_ * model_->multiple_ / grid;
    };
    for (const auto& state : model_->states_) {
      const std::array<std::int64_t, 4> shape{1, state.channels, positions(height_, state.grid),
                                              positions(width_, state.grid)};
      auto value = Ort::Value::CreateTensor<float>(model_->allocator_, shape.data(), shape.size());
      std::fill_n(value.GetTensorMutableData<float>(), shape[1] * shape[2] * shape[3], 0.0f);
      states_.push_back(std::move(value));
    }
  }

  Model* model_;
  std::vector<Ort::Value> states_;  // what the frame before left behind; none: no past
  std::int64_t width_ = 0, height_ = 0;
};

// Throws unless the library is at least as new as the headers that this program was built with. Call it first: an
// older library has no functions to open a model with.
inline void require_library() {
  const char* found = OrtGetApiBase()->GetVersionString();
  unsigned major = 0, minor = 0;
  if (std::sscanf(found, "%u.%u", &major, &minor) == 2 && major <= 1 && minor < ORT_API_VERSION)
    throw Error(std::string("the ONNX Runtime library found is ") + found + ", expected 1." +
                std::to_string(ORT_API_VERSION) + " or later; install that or rebuild");
}

}  // namespace nitido

#endif
