#pragma once
/// @file
/// How losses fell, epoch by epoch.

#include <amq/io/file.hpp>
#include <amq/train/recipe.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace amq::training {

/// Losses of a training. A validation that was not made is NaN, and an empty cell of the CSV.
class LearningCurve {
 public:
  struct Row {
    std::int64_t epoch = 0, updates = 0;  ///< done
    double seconds = 0;                   ///< of work, earlier parts of a resumed run included
    double lr = 0;                        ///< of the epoch's last update
    double training = 0;                  ///< mean loss over the epoch's passes
    double validation = 0;
  };

  void add(const Row& row) { rows_.push_back(row); }
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }
  [[nodiscard]] const Row& back() const noexcept { return rows_.back(); }
  /// The first row of the least validation, of the least training loss where there was none.
  /// @pre not empty()
  [[nodiscard]] const Row& best() const noexcept {
    const auto value = [](const Row& r) {
      return std::isnan(r.validation) ? r.training : r.validation;
    };
    return *std::min_element(rows_.begin(), rows_.end(),
                             [&](const Row& a, const Row& b) { return value(a) < value(b); });
  }
  [[nodiscard]] std::string csv() const {
    std::string text = "epoch,updates,seconds,lr,training_loss,validation_loss\n";
    for (const Row& r : rows_)
      text += number_text(r.epoch) + ',' + number_text(r.updates) + ',' +
              number_text(std::round(r.seconds * 1000) / 1000) + ',' + number_text(r.lr) + ',' +
              number_text(r.training) + ',' +
              (std::isnan(r.validation) ? "" : number_text(r.validation)) + '\n';
    return text;
  }
  void write(const std::string& path) const { write_file(path, csv()); }

  /// As a checkpoint keeps it.
  [[nodiscard]] std::vector<double> numbers() const {
    std::vector<double> all;
    for (const Row& r : rows_)
      all.insert(all.end(), {static_cast<double>(r.epoch), static_cast<double>(r.updates),
                             r.seconds, r.lr, r.training, r.validation});
    return all;
  }
  /// Numbers beyond the last whole row are left out.
  [[nodiscard]] static LearningCurve of_numbers(const std::vector<double>& n) {
    LearningCurve c;
    for (std::size_t k = 0; k + 6 <= n.size(); k += 6)
      c.add({static_cast<std::int64_t>(n[k]), static_cast<std::int64_t>(n[k + 1]), n[k + 2],
             n[k + 3], n[k + 4], n[k + 5]});
    return c;
  }

 private:
  std::vector<Row> rows_;
};

}  // namespace amq::training
