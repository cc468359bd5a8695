#include "automl/scheduler/pareto_front.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace assay::automl {
namespace {

FrontKey key_of(const LeaderboardRow& row) { return {row.trial, row.trial >= 0 ? 1 : 0}; }

}  // namespace

std::string FrontPoint::name() const {
  if (key.trial >= 0) return fmt::format("{}, trial {}", learner, key.trial);
  return key.members > 0 ? fmt::format("ensemble of {}", key.members) : "ensemble, registered";
}

std::vector<FrontPoint> pareto_front(const Leaderboard& board) {
  std::vector<FrontPoint> points;
  for (const LeaderboardRow& row : board.rows) {
    if (!is_ranked(row) || !(row.latency_us > 0)) continue;
    points.push_back({key_of(row), row.learner, *row.score, row.latency_us});
  }
  for (const EnsemblePoint& point : board.path) {
    if (!(point.latency_us > 0)) continue;
    points.push_back({{-1, point.members}, "ensemble", point.score, point.latency_us});
  }
  const auto better = [&](double a, double b) { return board.maximise ? a > b : a < b; };
  std::sort(points.begin(), points.end(), [&](const FrontPoint& a, const FrontPoint& b) {
    if (a.latency_us != b.latency_us) return a.latency_us < b.latency_us;
    if (a.score != b.score) return better(a.score, b.score);
    return std::pair(a.key.trial, a.key.members) < std::pair(b.key.trial, b.key.members);
  });
  std::vector<FrontPoint> front;
  for (FrontPoint& point : points) {
    if (front.empty() || better(point.score, front.back().score)) front.push_back(std::move(point));
  }
  return front;
}

void mark_front(Leaderboard& board) {
  const std::vector<FrontPoint> front = pareto_front(board);
  for (LeaderboardRow& row : board.rows) {
    row.on_front = std::any_of(front.begin(), front.end(),
                               [&](const FrontPoint& point) { return point.key == key_of(row); });
  }
}

}  // namespace assay::automl
