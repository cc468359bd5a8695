// Runs a fuzz target as a plain test: every file of the corpus folder, then a fixed number of
// seeded mutations of each. Any compiler builds it; libFuzzer is not needed.
//
//     csv_reader_fuzz CORPUS_FOLDER [MUTATIONS_PER_FILE]
//
// With ASSAY_FUZZ_KEEP set, each input is written to `crash-input` in the working folder before it
// runs, so that the failing one is left there.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "kernels/base/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr int kDefaultMutations = 200;
constexpr size_t kLargestInput = 1 << 20;

using Bytes = std::vector<uint8_t>;

void run_one(const Bytes& input) {
  if (std::getenv("ASSAY_FUZZ_KEEP") != nullptr) {
    std::ofstream("crash-input", std::ios::binary)
        .write(reinterpret_cast<const char*>(input.data()),
               static_cast<std::streamsize>(input.size()));
  }
  // A copy of exactly this size on the heap, so that AddressSanitizer sees a read past the end.
  const Bytes copy(input.begin(), input.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

size_t pick(size_t bound, assay::Rng& rng) { return static_cast<size_t>(rng.below(bound)); }

// One small change of the kind that breaks parsers.
void mutate(Bytes& input, const Bytes& other, assay::Rng& rng) {
  static constexpr std::string_view kTokens[] = {"\"",       "\n",
                                                 "\r\n",     ",",
                                                 ";",        "\t",
                                                 "NaN",      "1e400",
                                                 "-1",       "{",
                                                 "}",        "[",
                                                 "]",        ": ",
                                                 "- ",       std::string_view("\0", 1),
                                                 "\xff",     "&a",
                                                 "*a",       "\xf0\x9f",
                                                 "#",        "---\n",
                                                 "0x",       "?",
                                                 "''",       "|",
                                                 "null",     "false",
                                                 "1e-",      "999999999999",
                                                 "\xef\xbb", "\\u"};
  const size_t at = pick(input.size() + 1, rng);
  const auto position = input.begin() + static_cast<std::ptrdiff_t>(at);
  switch (rng.below(7)) {
    case 0:  // flip a bit
      if (at < input.size()) input[at] ^= static_cast<uint8_t>(1U << rng.below(8));
      break;
    case 1:  // replace a byte
      if (at < input.size()) input[at] = static_cast<uint8_t>(rng.below(256));
      break;
    case 2:  // cut the end
      input.resize(at);
      break;
    case 3: {  // remove a range
      const size_t count = pick(input.size() - at + 1, rng);
      input.erase(position, position + static_cast<std::ptrdiff_t>(count));
      break;
    }
    case 4: {  // repeat a range
      const size_t count = std::min<size_t>(input.size() - at, 1 + pick(64, rng));
      const Bytes range(position, position + static_cast<std::ptrdiff_t>(count));
      input.insert(position, range.begin(), range.end());
      break;
    }
    case 5: {  // insert a token
      const std::string_view token = kTokens[pick(std::size(kTokens), rng)];
      input.insert(position, token.begin(), token.end());
      break;
    }
    default: {  // continue as another file of the corpus
      input.resize(at);
      if (!other.empty()) {
        const size_t from = pick(other.size(), rng);
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      }
    }
  }
  if (input.size() > kLargestInput) input.resize(kLargestInput);
}

Bytes read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

std::vector<std::filesystem::path> list_files(const char* folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

int main(int argc, char** argv) {
  int mutations = kDefaultMutations;
  if (argc == 3) {
    const std::string_view text = argv[2];
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), mutations);
    if (parsed.ec != std::errc() || mutations < 0) argc = 0;
  }
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER [MUTATIONS_PER_FILE]\n", argv[0]);
    return 2;
  }
  const auto paths = list_files(argv[1]);
  if (paths.empty()) {
    std::fprintf(stderr, "no corpus file in '%s'\n", argv[1]);
    return 1;
  }
  std::vector<Bytes> corpus;
  for (const auto& path : paths) corpus.push_back(read_bytes(path));

  run_one({});
  int64_t runs = 1;
  for (size_t file = 0; file < corpus.size(); ++file) {
    std::fprintf(stderr, "%s\n", paths[file].filename().c_str());
    run_one(corpus[file]);
    ++runs;
    for (int i = 0; i < mutations; ++i, ++runs) {
      assay::Rng rng(assay::derive_seed(file, "fuzz", static_cast<uint64_t>(i)));
      Bytes input = corpus[file];
      const uint64_t changes = 1 + rng.below(4);
      for (uint64_t change = 0; change < changes; ++change) {
        mutate(input, corpus[pick(corpus.size(), rng)], rng);
      }
      run_one(input);
    }
  }
  std::printf("%lld inputs, %zu corpus files: no failure\n", static_cast<long long>(runs),
              corpus.size());
  return 0;
}
