#pragma once

#include <string>
#include <vector>

namespace sg {

/// One data set of a run, as a command line or configuration file writes it:
///   KIND[:PLACE][,KEY=VALUE...]     celeba:data/celeba,crop=178,name=faces
/// A PLACE alone stands for whatever lies there (kind_of_place), even if it is called like a kind;
/// synth alone is synth:attributes. Kinds and their places:
///   synth     attributes (default) or expressions: built-in faces
///   celeba    directory of images with an attribute file
///   folders   directory with one folder per class
///   rafd      directory of RaFD's files, whose names say all
///   csv       table of files and labels
///   pack      file written by `sg_data pack`
struct DataSource {
    std::string kind;       ///< empty: to be found out
    std::string place;      ///< a directory or file; synth: attributes or expressions
    std::string name;       ///< of its label group, unique in a run; empty: what the kind suggests
    std::string test;       ///< a directory of the same kind whose images are held out
    std::string attr;       ///< celeba: the attribute file; empty: found beside the images
    int crop = -1;          ///< centre crop in pixels before resizing; 0: none, -1: the kind's own
    bool align = false;     ///< celeba: crop around the face that the landmarks file marks
    bool partition = true;  ///< celeba: heed list_eval_partition.txt if it is there
    /// Labels to learn, in this order (labels=A+B); empty: all. Items of a one-hot set that have
    /// none of them are left out.
    std::vector<std::string> labels = {};
    std::vector<int> angles = {};  ///< rafd: camera angles (angles=45+90+135); empty: these three
    bool operator==(const DataSource&) const = default;
};

/// Throws Error naming the text, what is wrong with it and what is expected.
DataSource parse_data_source(const std::string& text);
/// What lies at a place that is named without a kind: a file is a pack (.sgpack) or a table (csv);
/// a directory is celeba with an attribute file in or beside it, rafd with RaFD's file names, else
/// folders. Throws Error if there is nothing.
std::string kind_of_place(const std::string& place);
/// A text that parse_data_source reads back.
std::string to_string(const DataSource& source);

}  // namespace sg
