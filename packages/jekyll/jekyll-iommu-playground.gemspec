# frozen_string_literal: true

Gem::Specification.new do |spec|
  spec.name = "jekyll-iommu-playground"
  spec.version = "0.1.0"
  spec.summary = "Living pictures of DMA and the IOMMU in Jekyll"
  spec.authors = ["The iommu-playground developers"]
  spec.homepage = "https://github.com/iommu-playground/iommu-playground"
  spec.licenses = ["MIT", "Apache-2.0"]
  spec.files = Dir["lib/**/*.rb", "README.md", "LICENSE-*"]
  spec.required_ruby_version = ">= 3.0"
  spec.add_dependency "jekyll", ">= 4.3"
end
