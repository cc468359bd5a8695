// An exported model: the model file, and behind it a card that says where it is from, so that
// another workspace can take it in with its lineage. Readers of models stop before the card.
//
//   [model file][card, JSON][footer, 88 bytes, little-endian]
//   footer: u64 card bytes, u32 card version (1), u32 0, SHA-256 of card and the 16 bytes before
//           (64 hex digits), "ASSAYCRD"
//
// A model file without a card ends in the hex digits of its own hash, never in "ASSAYCRD".
// Plain functions, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::tracking {

struct CardedModel {
  std::string_view model{};  // of the file
  std::string_view card{};   // JSON text; empty without a card
  bool has_card = false;
};

// The model file with the card behind it.
std::string with_card(std::string model_file, std::string_view card);

// Takes a file apart; the views point into `file`. `source` is what the message calls it.
// Fails: data if there is a card and it is damaged or of a newer version.
Result<CardedModel> split_card(std::string_view file, const std::string& source);

}  // namespace assay::tracking
